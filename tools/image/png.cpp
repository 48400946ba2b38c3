#include "tools/image/png.h"

#include <png.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace hwalloc::tools {

Result<void> write_png(std::FILE* file, std::uint32_t width, std::uint32_t height,
                       std::span<const std::uint8_t> rgb) {
    if (width == 0 || height == 0 || rgb.size() / 3 / width < height)
        return Error(ErrorKind::invalid, "there are too few pixels for the picture");
    png_image image;
    std::memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = PNG_FORMAT_RGB;
    // libpng says "write error" and leaves it to errno why.
    errno = 0;
    if (png_image_write_to_stdio(&image, file, 0, rgb.data(), 0, nullptr) && std::fflush(file) == 0)
        return {};
    if (errno != 0 && std::ferror(file))
        return Error::from_errno(errno, "writing a picture").call("write");
    return Error(ErrorKind::exhausted, "writing a picture")
        .doing(image.message[0] ? image.message : "writing a picture")
        .call("png_image_write_to_stdio");
}

} // namespace hwalloc::tools
