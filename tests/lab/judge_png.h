// Pictures in files, for judges.
#pragma once

#include <png.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace judge {

struct Png {
    std::uint32_t width = 0, height = 0;
    unsigned depth = 0; // bits of a number: 8 or 16
    std::vector<std::uint16_t> rgb;

    // What a level of 1 is.
    double most() const { return (1u << depth) - 1; }
};

// Ends the program when the file is no PNG of R, G and B without alpha.
inline Png read_png(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    const auto die = [](png_structp png, png_const_charp message) {
        std::fprintf(stderr, "%s: %s\n", static_cast<const char*>(png_get_error_ptr(png)), message);
        std::exit(2);
    };
    std::string name = path;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, name.data(), die, nullptr);
    png_infop info = png_create_info_struct(png);
    if (!file || !png || !info) {
        std::fprintf(stderr, "%s cannot be read\n", path.c_str());
        std::exit(2);
    }
    png_init_io(png, file);
    png_read_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
    Png picture{
        png_get_image_width(png, info), png_get_image_height(png, info), png_get_bit_depth(png, info), {}};
    if (png_get_color_type(png, info) != PNG_COLOR_TYPE_RGB || picture.depth < 8)
        png_error(png, "not rows of R, G and B");
    const png_bytepp rows = png_get_rows(png, info);
    const std::size_t bytes = picture.depth / 8;
    for (std::uint32_t y = 0; y < picture.height; ++y)
        for (std::size_t i = 0; i < std::size_t{3} * picture.width; ++i)
            picture.rgb.push_back(static_cast<std::uint16_t>(
                bytes == 1 ? rows[y][i] : rows[y][2 * i] << 8 | rows[y][2 * i + 1]));
    png_destroy_read_struct(&png, &info, nullptr);
    std::fclose(file);
    return picture;
}

} // namespace judge
