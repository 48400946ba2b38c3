// A second opinion on pixel formats: where V4L2's documents place the numbers of each
// (userspace-api/media/v4l/pixfmt-*.rst), and what colours they are, in double precision. Written from the
// documents and from no table or converter of ours; yuv_reference.h has the standards of colours. Includes no
// header of this project, so that a program which judges the library can use it.
#pragma once

#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "yuv_reference.h"

namespace pixel_reference {

// Words of a plane that stand one after the other in each of its rows. Of a word: '>' when its first byte is
// the highest, '<' when it is the lowest; then from the highest bit down the components with their bits: Y, U
// (Cb) and V (Cr); R, G and B; A (alpha); H, S and W (hue, saturation and value); x is nothing.
struct Plane {
    std::string_view word;
    std::uint32_t across = 1, down = 1; // pixels for each number of a component that is once in the word
};
struct Format {
    std::string_view code; // V4L2's
    std::array<Plane, 3> planes;
    std::string_view filters = {}; // of a raw sensor: over two pixels of the first row, then of the second
};

inline constexpr Format formats[] = {
    {"YUYV", {{{">Y8U8Y8V8"}}}},
    {"UYVY", {{{">U8Y8V8Y8"}}}},
    {"YVYU", {{{">Y8V8Y8U8"}}}},
    {"VYUY", {{{">V8Y8U8Y8"}}}},
    {"Y210", {{{"<V10x6Y10x6U10x6Y10x6"}}}},
    {"Y212", {{{"<V12x4Y12x4U12x4Y12x4"}}}},
    {"Y216", {{{"<V16Y16U16Y16"}}}},
    {"YUV3", {{{">Y8U8V8"}}}},
    {"Y444", {{{"<A4Y4U4V4"}}}},
    {"YUVO", {{{"<A1Y5U5V5"}}}},
    {"YUVP", {{{"<Y5U6V5"}}}},
    {"YUV4", {{{">A8Y8U8V8"}}}},
    {"AYUV", {{{">A8Y8U8V8"}}}},
    {"XYUV", {{{">x8Y8U8V8"}}}},
    {"VUYA", {{{">V8U8Y8A8"}}}},
    {"VUYX", {{{">V8U8Y8x8"}}}},
    {"YUVA", {{{">Y8U8V8A8"}}}},
    {"YUVX", {{{">Y8U8V8x8"}}}},
    {"NV12", {{{">Y8"}, {">U8V8", 2, 2}}}},
    {"NV21", {{{">Y8"}, {">V8U8", 2, 2}}}},
    {"NV16", {{{">Y8"}, {">U8V8", 2, 1}}}},
    {"NV61", {{{">Y8"}, {">V8U8", 2, 1}}}},
    {"NV24", {{{">Y8"}, {">U8V8"}}}},
    {"NV42", {{{">Y8"}, {">V8U8"}}}},
    {"P010", {{{"<Y10x6"}, {"<V10x6U10x6", 2, 2}}}},
    {"P012", {{{"<Y12x4"}, {"<V12x4U12x4", 2, 2}}}},
    {"NV15", {{{"<Y10Y10Y10Y10"}, {"<V10U10V10U10", 2, 2}}}},
    {"NV20", {{{"<Y10Y10Y10Y10"}, {"<V10U10V10U10", 2, 1}}}},
    {"YU12", {{{">Y8"}, {">U8", 2, 2}, {">V8", 2, 2}}}},
    {"YV12", {{{">Y8"}, {">V8", 2, 2}, {">U8", 2, 2}}}},
    {"411P", {{{">Y8"}, {">U8", 4, 1}, {">V8", 4, 1}}}},
    {"YUV9", {{{">Y8"}, {">U8", 4, 4}, {">V8", 4, 4}}}},
    {"YVU9", {{{">Y8"}, {">V8", 4, 4}, {">U8", 4, 4}}}},
    {"422P", {{{">Y8"}, {">U8", 2, 1}, {">V8", 2, 1}}}},
    // with a memory for each plane
    {"NM12", {{{">Y8"}, {">U8V8", 2, 2}}}},
    {"NM21", {{{">Y8"}, {">V8U8", 2, 2}}}},
    {"NM16", {{{">Y8"}, {">U8V8", 2, 1}}}},
    {"NM61", {{{">Y8"}, {">V8U8", 2, 1}}}},
    {"YM12", {{{">Y8"}, {">U8", 2, 2}, {">V8", 2, 2}}}},
    {"YM21", {{{">Y8"}, {">V8", 2, 2}, {">U8", 2, 2}}}},
    {"YM16", {{{">Y8"}, {">U8", 2, 1}, {">V8", 2, 1}}}},
    {"YM61", {{{">Y8"}, {">V8", 2, 1}, {">U8", 2, 1}}}},
    {"YM24", {{{">Y8"}, {">U8"}, {">V8"}}}},
    {"YM42", {{{">Y8"}, {">V8"}, {">U8"}}}},

    {"GREY", {{{">Y8"}}}},
    {"Y10", {{{"<x6Y10"}}}},
    {"Y12", {{{"<x4Y12"}}}},
    {"Y16", {{{"<Y16"}}}},
    {"Y14", {{{"<x2Y14"}}}},
    {"Y012", {{{"<Y12x4"}}}},
    {"Y16-BE", {{{">Y16"}}}},
    {"RGB1", {{{">R3G3B2"}}}},
    {"RGBP", {{{"<R5G6B5"}}}},
    {"RGBR", {{{">R5G6B5"}}}},
    {"R444", {{{"<x4R4G4B4"}}}},
    {"XR12", {{{"<x4R4G4B4"}}}},
    {"AR12", {{{"<A4R4G4B4"}}}},
    {"XB12", {{{"<x4B4G4R4"}}}},
    {"AB12", {{{"<A4B4G4R4"}}}},
    {"RX12", {{{"<R4G4B4x4"}}}},
    {"RA12", {{{"<R4G4B4A4"}}}},
    {"BX12", {{{"<B4G4R4x4"}}}},
    {"GA12", {{{"<B4G4R4A4"}}}},
    {"RGBO", {{{"<x1R5G5B5"}}}},
    {"XR15", {{{"<x1R5G5B5"}}}},
    {"AR15", {{{"<A1R5G5B5"}}}},
    {"XB15", {{{"<x1B5G5R5"}}}},
    {"AB15", {{{"<A1B5G5R5"}}}},
    {"RX15", {{{"<R5G5B5x1"}}}},
    {"RA15", {{{"<R5G5B5A1"}}}},
    {"BX15", {{{"<B5G5R5x1"}}}},
    {"BA15", {{{"<B5G5R5A1"}}}},
    {"RGBQ", {{{">x1R5G5B5"}}}},
    {"XR15-BE", {{{">x1R5G5B5"}}}},
    {"AR15-BE", {{{">A1R5G5B5"}}}},
    {"RGB3", {{{">R8G8B8"}}}},
    {"BGR3", {{{">B8G8R8"}}}},
    {"BGRH", {{{">B6G6R6x14"}}}},
    {"RGB4", {{{">x8R8G8B8"}}}},
    {"BGR4", {{{">B8G8R8x8"}}}},
    {"BX24", {{{">x8R8G8B8"}}}},
    {"BA24", {{{">A8R8G8B8"}}}},
    {"XR24", {{{">B8G8R8x8"}}}},
    {"AR24", {{{">B8G8R8A8"}}}},
    {"RX24", {{{">x8B8G8R8"}}}},
    {"RA24", {{{">A8B8G8R8"}}}},
    {"XB24", {{{">R8G8B8x8"}}}},
    {"AB24", {{{">R8G8B8A8"}}}},
    {"AR30", {{{"<A2R10G10B10"}}}},
    {"RX30", {{{"<R10G10B10x2"}}}},
    {"RA30", {{{"<R10G10B10A2"}}}},
    {"HSV3", {{{">H8S8W8"}}}},
    {"HSV4", {{{">x8H8S8W8"}}}},
    {"BA81", {{{">Y8"}}}, "BGGR"},
    {"GBRG", {{{">Y8"}}}, "GBRG"},
    {"GRBG", {{{">Y8"}}}, "GRBG"},
    {"RGGB", {{{">Y8"}}}, "RGGB"},
    {"BG10", {{{"<x6Y10"}}}, "BGGR"},
    {"GB10", {{{"<x6Y10"}}}, "GBRG"},
    {"BA10", {{{"<x6Y10"}}}, "GRBG"},
    {"RG10", {{{"<x6Y10"}}}, "RGGB"},
    {"BG12", {{{"<x4Y12"}}}, "BGGR"},
    {"GB12", {{{"<x4Y12"}}}, "GBRG"},
    {"BA12", {{{"<x4Y12"}}}, "GRBG"},
    {"RG12", {{{"<x4Y12"}}}, "RGGB"},
    {"BYR2", {{{"<Y16"}}}, "BGGR"},
    {"GB16", {{{"<Y16"}}}, "GBRG"},
    {"GR16", {{{"<Y16"}}}, "GRBG"},
    {"RG16", {{{"<Y16"}}}, "RGGB"},
};

// Null: nothing is written here of this one.
inline const Format* find(std::string_view code) {
    for (const Format& format : formats)
        if (format.code == code)
            return &format;
    return nullptr;
}

// A component's letter and bits at `at` in a word; `at` is moved behind it.
inline std::pair<char, std::uint32_t> next_field(std::string_view word, std::size_t& at) {
    const char letter = word[at++];
    std::uint32_t bits = 0;
    while (at < word.size() && std::isdigit(static_cast<unsigned char>(word[at])))
        bits = bits * 10 + static_cast<std::uint32_t>(word[at++] - '0');
    return {letter, bits};
}

inline std::uint32_t bytes_of(std::string_view word) {
    std::uint32_t bits = 0;
    for (std::size_t at = 1; at < word.size();)
        bits += next_field(word, at).second;
    return bits / 8;
}
inline std::uint32_t count(std::string_view word, char letter) {
    return static_cast<std::uint32_t>(std::count(word.begin(), word.end(), letter));
}
// Of a row, that a word is for.
inline std::uint32_t pixels_of(const Plane& plane) {
    return plane.across * std::max({count(plane.word, 'Y'), count(plane.word, 'U'), 1u});
}

struct Number {
    std::uint32_t value = 0, bits = 0; // 0 bits: the format has no such component
};

// Rows of a plane.
struct Rows {
    const std::uint8_t* bytes = nullptr;
    std::size_t stride = 0;
};

struct Image {
    const Format& format;
    std::uint32_t width, height;
    std::array<Rows, 3> rows;

    Number number(char letter, std::uint32_t x, std::uint32_t y) const {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Plane& plane = format.planes[i];
            if (const std::uint32_t held = count(plane.word, letter)) {
                const std::uint32_t pixels = pixels_of(plane);
                return field(plane.word, letter, x % pixels * held / pixels,
                             rows[i].bytes + y / plane.down * rows[i].stride +
                                 std::size_t{x} / pixels * bytes_of(plane.word));
            }
        }
        return {};
    }

private:
    // The field number `which` of those with this letter; the first pixel's is in the first bytes.
    static Number field(std::string_view word, char letter, std::uint32_t which, const std::uint8_t* at) {
        const std::uint32_t size = bytes_of(word);
        std::uint64_t value = 0;
        for (std::uint32_t i = 0; i < size; ++i)
            value = value << 8 | at[word[0] == '>' ? i : size - 1 - i];
        if (word[0] == '<')
            which = count(word, letter) - 1 - which;
        std::uint32_t low = size * 8;
        for (std::size_t next = 1; next < word.size();) {
            const auto [each, bits] = next_field(word, next);
            low -= bits;
            if (each == letter && which-- == 0)
                return {static_cast<std::uint32_t>(value >> low & ((std::uint64_t{1} << bits) - 1)), bits};
        }
        return {};
    }
};

// An image in one memory, as V4L2 has it: planes one behind the other, a row of the first one has `stride`
// bytes, and those of the others in proportion (pixfmt-yuv-planar.rst).
inline Image in_one_memory(const Format& format, const std::uint8_t* bytes, std::uint32_t width,
                           std::uint32_t height, std::size_t stride) {
    Image image{format, width, height, {}};
    const auto row_bytes = [&](const Plane& plane) {
        return stride * bytes_of(plane.word) * pixels_of(format.planes[0]) / pixels_of(plane) /
               bytes_of(format.planes[0].word);
    };
    for (std::size_t i = 0; i < image.rows.size() && !format.planes[i].word.empty(); ++i) {
        const Plane& plane = format.planes[i];
        image.rows[i] = {bytes, row_bytes(plane)};
        bytes += image.rows[i].stride * ((height + plane.down - 1) / plane.down);
    }
    return image;
}

// What a picture's numbers mean.
struct Colors {
    yuv_reference::Standard standard;
    bool full;         // the range
    double hues = 180; // of the circle: 180 or 256
};
using Levels = std::array<double, 3>; // of R, G and B, from 0 to 1

// BT.2020-2 table 5 for n bits, and the same with powers below 0: D = (219 E + 16) 2^(n-8), (224 E + 128)
// 2^(n-8).
inline double level(Number number, bool full) {
    return full ? number.value / (std::exp2(number.bits) - 1)
                : (number.value / std::exp2(number.bits - 8.0) - 16) / 219;
}
inline double chroma(Number number, bool full) {
    return full ? (number.value - std::exp2(number.bits - 1.0)) / (std::exp2(number.bits) - 1)
                : (number.value / std::exp2(number.bits - 8.0) - 128) / 224;
}

// Of one of the colours behind a sensor's filters: the pixel's own number, or the mean of those around it.
inline double behind_filter(const Image& image, const Colors& colors, char color, std::uint32_t x,
                            std::uint32_t y) {
    const auto filter = [&](std::uint32_t column, std::uint32_t row) {
        return image.format.filters[row % 2 * 2 + column % 2];
    };
    if (filter(x, y) == color)
        return level(image.number('Y', x, y), colors.full);
    double sum = 0;
    int numbers = 0;
    for (const int down : {-1, 0, 1})
        for (const int across : {-1, 0, 1}) {
            const std::int64_t column = std::int64_t{x} + across, row = std::int64_t{y} + down;
            if (column < 0 || row < 0 || column >= image.width || row >= image.height)
                continue;
            const auto there = static_cast<std::uint32_t>(column), below = static_cast<std::uint32_t>(row);
            if (filter(there, below) != color)
                continue;
            sum += level(image.number('Y', there, below), colors.full);
            ++numbers;
        }
    return sum / numbers;
}

// A colour by its hue, saturation and value, as A. R. Smith has it: "Color Gamut Transform Pairs", 1978.
inline Levels of_hue(double sixths, double s, double v) {
    const double sixth = std::floor(sixths), f = sixths - sixth;
    const double m = v * (1 - s), n = v * (1 - s * f), k = v * (1 - s * (1 - f));
    const Levels around[6] = {{v, k, m}, {n, v, m}, {m, v, k}, {m, n, v}, {k, m, v}, {v, m, n}};
    return around[static_cast<int>(sixth) % 6];
}

// The exact colour of a pixel. A number of chroma holds for all pixels that share it.
inline Levels levels(const Image& image, const Colors& colors, std::uint32_t x, std::uint32_t y) {
    Levels rgb{};
    const auto at = [&](char letter) { return image.number(letter, x, y); };
    if (!image.format.filters.empty()) {
        for (std::size_t i = 0; i < 3; ++i)
            rgb[i] = behind_filter(image, colors, "RGB"[i], x, y);
    } else if (at('H').bits) {
        rgb = of_hue(at('H').value * 6 / colors.hues, at('S').value / 255.0, at('W').value / 255.0);
    } else if (at('R').bits) {
        for (std::size_t i = 0; i < 3; ++i)
            rgb[i] = level(at("RGB"[i]), colors.full);
    } else {
        const double ey = level(at('Y'), colors.full);
        rgb = {ey, ey, ey};
        if (at('U').bits) {
            const yuv_reference::Standard& s = colors.standard;
            rgb[0] = ey + s.cr_range * chroma(at('V'), colors.full);
            rgb[2] = ey + s.cb_range * chroma(at('U'), colors.full);
            rgb[1] = (ey - s.kr * rgb[0] - s.kb * rgb[2]) / s.kg;
        }
    }
    for (double& one : rgb)
        one = std::clamp(one, 0.0, 1.0);
    return rgb;
}

} // namespace pixel_reference
