// What the tests of pictures compare with: levels in double precision, by the documents and by no code of the
// tools.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "tests/reference/yuv_reference.h"
#include "tools/image/picture.h"

namespace hwalloc::tools::picture_reference {

inline constexpr std::uint32_t width = 37, height = 21;
// Half of a unit is what rounding costs.
inline constexpr double tolerance = 0.5 + 0.02;

using Bytes = std::vector<std::uint8_t>;
using Levels = std::array<double, 3>; // 0 to 1
using Numbers = std::array<int, 3>;

inline int word_at(const Bytes& i, std::size_t at) {
    return i[at] | i[at + 1] << 8;
}

// BT.2020-2 table 5 for n bits, and the same with powers below 0: D = (219 E + 16) 2^(n-8), (224 E + 128)
// 2^(n-8).
inline double luma_level(int number, int bits, bool full) {
    return full ? number / (std::exp2(bits) - 1) : (number / std::exp2(bits - 8) - 16) / 219;
}
inline double chroma_level(int number, int bits, bool full) {
    return full ? (number - std::exp2(bits - 1)) / (std::exp2(bits) - 1)
                : (number / std::exp2(bits - 8) - 128) / 224;
}
inline Levels clipped(double r, double g, double b) {
    return {std::clamp(r, 0.0, 1.0), std::clamp(g, 0.0, 1.0), std::clamp(b, 0.0, 1.0)};
}
inline Levels levels_of_yuv(const yuv_reference::Standard& s, bool full, const Numbers& yuv,
                            const Numbers& bits) {
    const double ey = luma_level(yuv[0], bits[0], full);
    const double er = ey + s.cr_range * chroma_level(yuv[2], bits[2], full);
    const double eb = ey + s.cb_range * chroma_level(yuv[1], bits[1], full);
    return clipped(er, (ey - s.kr * er - s.kb * eb) / s.kg, eb);
}
inline Levels levels_of_rgb(bool full, const Numbers& rgb, const Numbers& bits) {
    return clipped(luma_level(rgb[0], bits[0], full), luma_level(rgb[1], bits[1], full),
                   luma_level(rgb[2], bits[2], full));
}

inline ImageLayout reference_layout(const PixelFormat& format, std::uint32_t stride, ColorMatrix matrix,
                                    ColorRange range) {
    ImageLayout layout = linear_layout(format, width, height, stride).value();
    layout.matrix = matrix;
    layout.range = range;
    if (layout.fourcc == 0) // as a camera tells it
        layout.planes[0] = {0, 0, layout.planes[0].stride, layout.memory_sizes[0]};
    return layout;
}

inline Bytes random_image(const ImageLayout& layout) {
    static std::mt19937 random(11);
    Bytes image(layout.memory_sizes[0]);
    for (auto& byte : image)
        byte = static_cast<std::uint8_t>(random());
    return image;
}

inline double number_at(const Picture& picture, std::size_t place) {
    return picture.depth == 8 ? picture.bytes[place]
                              : picture.bytes[2 * place] << 8 | picture.bytes[2 * place + 1];
}

inline void expect_same(const Picture& picture, unsigned depth,
                        const std::function<Levels(std::uint32_t, std::uint32_t)>& exact) {
    ASSERT_EQ(picture.depth, depth);
    ASSERT_EQ(picture.width, width);
    ASSERT_EQ(picture.height, height);
    ASSERT_EQ(picture.bytes.size(), std::size_t{3} * width * height * depth / 8);
    const double most = depth == 8 ? 255 : 65535;
    for (std::uint32_t y = 0; y < height; ++y)
        for (std::uint32_t x = 0; x < width; ++x) {
            const Levels levels = exact(x, y);
            for (std::size_t i = 0; i < 3; ++i)
                ASSERT_LE(
                    std::abs(number_at(picture, (std::size_t{y} * width + x) * 3 + i) - levels[i] * most),
                    tolerance)
                    << x << "," << y << " number " << i;
        }
}

} // namespace hwalloc::tools::picture_reference
