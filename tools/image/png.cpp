#include "tools/image/png.h"

#include <png.h>

#include <cstring>

namespace hwalloc::tools {

Result<std::vector<std::uint8_t>> encode_png(std::uint32_t width, std::uint32_t height,
                                             std::span<const std::uint8_t> rgb) {
    if (width == 0 || height == 0 || rgb.size() / 3 / width < height)
        return Error(ErrorKind::invalid, "there are too few pixels for the picture");
    png_image image;
    std::memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    std::vector<std::uint8_t> file(size);
    if (!png_image_write_to_memory(&image, file.data(), &size, 0, rgb.data(), 0, nullptr))
        return Error(ErrorKind::exhausted, "making a PNG")
            .doing(image.message[0] ? image.message : "making a PNG")
            .call("png_image_write_to_memory");
    file.resize(size);
    return file;
}

} // namespace hwalloc::tools
