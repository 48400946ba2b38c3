#include "tools/image/png.h"

#include <png.h>

#include <csetjmp>
#include <cstring>
#include <string>

#include "hwalloc/machine_memory.h"

namespace hwalloc::tools {
namespace {

// What a writer of libpng has with it. Its functions leave by longjmp, over frames of C only.
struct Output {
    std::vector<std::uint8_t>& file;
    std::string message; // has its room before libpng is called
    bool is_out_of_memory = false;
};

void append(png_structp png, png_bytep bytes, png_size_t count) {
    auto& output = *static_cast<Output*>(png_get_io_ptr(png));
    try {
        output.file.insert(output.file.end(), bytes, bytes + count);
        return;
    } catch (const std::exception&) {
        output.is_out_of_memory = true;
    }
    png_error(png, "no memory for the file");
}

void keep_message(png_structp png, png_const_charp message) {
    auto& output = *static_cast<Output*>(png_get_error_ptr(png));
    output.message.assign(message, strnlen(message, output.message.capacity()));
    png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

// All that has a destructor is the caller's: this function is left by longjmp.
bool write_png(Output& output, std::uint32_t width, std::uint32_t height, unsigned depth,
               const std::uint8_t* rgb) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, keep_message, ignore_warning);
    if (!png)
        return false;
    png_infop info = png_create_info_struct(png);
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_set_write_fn(png, &output, append, nullptr);
    png_set_IHDR(png, info, width, height, static_cast<int>(depth), PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_sRGB(png, info, PNG_sRGB_INTENT_PERCEPTUAL);
    png_write_info(png, info);
    const std::size_t row_bytes = std::size_t{3} * width * (depth / 8);
    for (std::uint32_t row = 0; row < height; ++row)
        png_write_row(png, rgb + row_bytes * row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return true;
}

} // namespace

Result<std::vector<std::uint8_t>> encode_png(std::uint32_t width, std::uint32_t height,
                                             std::span<const std::uint8_t> rgb, unsigned depth) {
    if (width == 0 || height == 0 || rgb.size() / 3 / (depth / 8) / width < height)
        return Error(ErrorKind::invalid, "there are too few pixels for the picture");
    // Noise becomes no shorter.
    if (auto enough = check_machine_has(rgb.size()); !enough)
        return Error(enough.error()).doing("making a PNG");
    std::vector<std::uint8_t> file;
    Output output{.file = file, .message = std::string(200, '\0')};
    output.message.clear();
    if (!write_png(output, width, height, depth, rgb.data()))
        return Error(ErrorKind::exhausted, "making a PNG")
            .doing(output.message.empty() ? "making a PNG" : output.message.c_str())
            .call("png_write_row");
    return file;
}

} // namespace hwalloc::tools
