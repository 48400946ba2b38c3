// Pictures of every format, against a reference in double precision that shares neither code nor table with
// them: where each format keeps its numbers is written here once more, by the documents of V4L2
// (userspace-api/media/v4l/pixfmt-*.rst).
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "tests/reference/yuv_reference.h"
#include "tools/image/picture.h"

namespace hwalloc::tools {
namespace {

constexpr std::uint32_t width = 37, height = 21;
// Half of a unit is what rounding costs.
constexpr double tolerance = 0.5 + 0.02;

using Bytes = std::vector<std::uint8_t>;
using Levels = std::array<double, 3>; // 0 to 1
using Numbers = std::array<int, 3>;

int word_at(const Bytes& i, std::size_t at) {
    return i[at] | i[at + 1] << 8;
}

// BT.2020-2 table 5 for n bits, and the same with powers below 0: D = (219 E + 16) 2^(n-8), (224 E + 128)
// 2^(n-8).
double luma_level(int number, int bits, bool full) {
    return full ? number / (std::exp2(bits) - 1) : (number / std::exp2(bits - 8) - 16) / 219;
}
double chroma_level(int number, int bits, bool full) {
    return full ? (number - std::exp2(bits - 1)) / (std::exp2(bits) - 1)
                : (number / std::exp2(bits - 8) - 128) / 224;
}
Levels clipped(double r, double g, double b) {
    return {std::clamp(r, 0.0, 1.0), std::clamp(g, 0.0, 1.0), std::clamp(b, 0.0, 1.0)};
}
Levels levels_of_yuv(const yuv_reference::Standard& s, bool full, const Numbers& yuv, const Numbers& bits) {
    const double ey = luma_level(yuv[0], bits[0], full);
    const double er = ey + s.cr_range * chroma_level(yuv[2], bits[2], full);
    const double eb = ey + s.cb_range * chroma_level(yuv[1], bits[1], full);
    return clipped(er, (ey - s.kr * er - s.kb * eb) / s.kg, eb);
}
Levels levels_of_rgb(bool full, const Numbers& rgb, const Numbers& bits) {
    return clipped(luma_level(rgb[0], bits[0], full), luma_level(rgb[1], bits[1], full),
                   luma_level(rgb[2], bits[2], full));
}

ImageLayout layout_of(const PixelFormat& format, std::uint32_t stride, ColorMatrix matrix, ColorRange range) {
    ImageLayout layout = linear_layout(format, width, height, stride).value();
    layout.matrix = matrix;
    layout.range = range;
    if (layout.fourcc == 0) // as a camera tells it
        layout.planes[0] = {0, 0, layout.planes[0].stride, layout.memory_sizes[0]};
    return layout;
}

Bytes random_image(const ImageLayout& layout) {
    static std::mt19937 random(11);
    Bytes image(layout.memory_sizes[0]);
    for (auto& byte : image)
        byte = static_cast<std::uint8_t>(random());
    return image;
}

double number_at(const Picture& picture, std::size_t place) {
    return picture.depth == 8 ? picture.bytes[place]
                              : picture.bytes[2 * place] << 8 | picture.bytes[2 * place + 1];
}

void expect_same(const Picture& picture, unsigned depth,
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

struct Case {
    const char* name; // by V4L2's code
    std::uint32_t stride;
    Numbers bits; // of the three numbers
    std::function<Numbers(const Bytes&, std::uint32_t, std::uint32_t)> numbers;
};

void check(const Case& one, bool is_yuv) {
    SCOPED_TRACE(one.name);
    const PixelFormat* format = pixel_format_by_name(one.name);
    ASSERT_TRUE(format);
    struct Colors {
        ColorMatrix matrix;
        yuv_reference::Standard standard;
        ColorRange range;
    };
    for (const Colors& colors : {Colors{ColorMatrix::bt601, yuv_reference::bt601, ColorRange::limited},
                                 Colors{ColorMatrix::bt709, yuv_reference::bt709, ColorRange::full},
                                 Colors{ColorMatrix::bt2020, yuv_reference::bt2020, ColorRange::limited}}) {
        const bool full = colors.range == ColorRange::full;
        const auto layout =
            layout_of(*format, one.stride, is_yuv ? colors.matrix : ColorMatrix::rgb, colors.range);
        const Bytes image = random_image(layout);
        Picture picture;
        const auto made = to_picture(*format, layout, image, picture);
        ASSERT_TRUE(made) << made.error().message();
        const bool deep = std::max({one.bits[0], one.bits[1], one.bits[2]}) > 8;
        expect_same(picture, deep ? 16 : 8, [&](std::uint32_t x, std::uint32_t y) {
            const Numbers numbers = one.numbers(image, x, y);
            return is_yuv ? levels_of_yuv(colors.standard, full, numbers, one.bits)
                          : levels_of_rgb(full, numbers, one.bits);
        });
    }
}

constexpr Numbers eights{8, 8, 8};

// The pixel's Y and the pair's Cb and Cr, at these bytes of four.
Case pairs(const char* name, int y, int cb, int cr) {
    return {name, 96, eights, [=](const Bytes& i, std::uint32_t x, std::uint32_t row) {
                const std::size_t at = row * 96 + x / 2 * 4;
                return Numbers{i[at + static_cast<std::size_t>(y) + x % 2 * 2],
                               i[at + static_cast<std::size_t>(cb)], i[at + static_cast<std::size_t>(cr)]};
            }};
}

// Chroma in turns in a second plane; `down` rows of the image share one of it.
Case two_planes(const char* name, std::uint32_t across, std::uint32_t down, bool cr_first) {
    return {name, 40, eights, [=](const Bytes& i, std::uint32_t x, std::uint32_t y) {
                const std::size_t chroma_stride = 40 * 2 / across;
                const std::size_t at = 40 * height + y / down * chroma_stride + x / across * 2;
                return Numbers{i[y * 40 + x], i[at + cr_first], i[at + !cr_first]};
            }};
}

Case three_planes(const char* name, std::uint32_t across, std::uint32_t down, bool cr_first) {
    return {name, 40, eights, [=](const Bytes& i, std::uint32_t x, std::uint32_t y) {
                const std::size_t stride = 40 / across, rows = (height + down - 1) / down;
                const std::size_t at = 40 * height + y / down * stride + x / across;
                return Numbers{i[y * 40 + x], i[at + cr_first * stride * rows],
                               i[at + !cr_first * stride * rows]};
            }};
}

Case high_bits(const char* name, int bits) {
    return {name, 80, {bits, bits, bits}, [=](const Bytes& i, std::uint32_t x, std::uint32_t y) {
                const std::size_t at = 80 * height + y / 2 * 80 + x / 2 * 4;
                const int low = 16 - bits;
                return Numbers{word_at(i, y * 80 + x * 2) >> low, word_at(i, at) >> low,
                               word_at(i, at + 2) >> low};
            }};
}

// A word of the bytes of a pixel, the first one lowest or highest, with fields from bit `shifts` up.
Case words(const char* name, std::size_t bytes, bool big_endian, Numbers shifts, Numbers bits) {
    return {name, static_cast<std::uint32_t>(40 * bytes), bits,
            [=](const Bytes& i, std::uint32_t x, std::uint32_t y) {
                std::uint32_t word = 0;
                for (std::size_t k = 0; k < bytes; ++k)
                    word |= std::uint32_t{i[y * 40 * bytes + x * bytes + k]}
                            << 8 * (big_endian ? bytes - 1 - k : k);
                Numbers numbers{};
                for (std::size_t k = 0; k < 3; ++k)
                    numbers[k] = static_cast<int>(word >> shifts[k] & ((1u << bits[k]) - 1));
                return numbers;
            }};
}

// Three bytes of a pixel, at these places.
Case three_bytes(const char* name, std::size_t bytes, std::size_t first, std::size_t second,
                 std::size_t third) {
    return {name, static_cast<std::uint32_t>(40 * bytes), eights,
            [=](const Bytes& i, std::uint32_t x, std::uint32_t y) {
                const std::size_t at = y * 40 * bytes + x * bytes;
                return Numbers{i[at + first], i[at + second], i[at + third]};
            }};
}

TEST(Pictures, OfYcbcrAreTheExactOnes) {
    for (const Case& one : {pairs("YUYV", 0, 1, 3),
                            pairs("UYVY", 1, 0, 2),
                            pairs("YVYU", 0, 3, 1),
                            pairs("VYUY", 1, 2, 0),
                            two_planes("NV12", 2, 2, false),
                            two_planes("NV21", 2, 2, true),
                            two_planes("NV16", 2, 1, false),
                            two_planes("NV61", 2, 1, true),
                            two_planes("NV24", 1, 1, false),
                            two_planes("NV42", 1, 1, true),
                            three_planes("YU12", 2, 2, false),
                            three_planes("YV12", 2, 2, true),
                            three_planes("422P", 2, 1, false),
                            three_planes("411P", 4, 1, false),
                            three_planes("YUV9", 4, 4, false),
                            three_planes("YVU9", 4, 4, true),
                            high_bits("P010", 10),
                            high_bits("P012", 12),
                            three_bytes("YUV3", 3, 0, 1, 2),
                            three_bytes("AYUV", 4, 1, 2, 3),
                            three_bytes("XYUV", 4, 1, 2, 3),
                            three_bytes("VUYA", 4, 2, 1, 0),
                            three_bytes("VUYX", 4, 2, 1, 0),
                            three_bytes("YUVA", 4, 0, 1, 2),
                            three_bytes("YUVX", 4, 0, 1, 2),
                            words("Y444", 2, false, {8, 4, 0}, {4, 4, 4}),
                            words("YUVO", 2, false, {10, 5, 0}, {5, 5, 5}),
                            words("YUVP", 2, false, {11, 5, 0}, {5, 6, 5})})
        check(one, true);
}

TEST(Pictures, OfRgbAreTheExactOnes) {
    for (const Case& one : {three_bytes("RGB3", 3, 0, 1, 2),
                            three_bytes("BGR3", 3, 2, 1, 0),
                            three_bytes("XR24", 4, 2, 1, 0),
                            three_bytes("AR24", 4, 2, 1, 0),
                            three_bytes("BGR4", 4, 2, 1, 0),
                            three_bytes("XB24", 4, 0, 1, 2),
                            three_bytes("AB24", 4, 0, 1, 2),
                            three_bytes("RX24", 4, 3, 2, 1),
                            three_bytes("RA24", 4, 3, 2, 1),
                            three_bytes("BX24", 4, 1, 2, 3),
                            three_bytes("BA24", 4, 1, 2, 3),
                            three_bytes("RGB4", 4, 1, 2, 3),
                            words("RGBP", 2, false, {11, 5, 0}, {5, 6, 5}),
                            words("RGBR", 2, true, {11, 5, 0}, {5, 6, 5}),
                            words("RGB1", 1, false, {5, 2, 0}, {3, 3, 2}),
                            words("BGRH", 4, true, {14, 20, 26}, {6, 6, 6}),
                            words("XR15", 2, false, {10, 5, 0}, {5, 5, 5}),
                            words("RGBO", 2, false, {10, 5, 0}, {5, 5, 5}),
                            words("AR15", 2, false, {10, 5, 0}, {5, 5, 5}),
                            words("XB15", 2, false, {0, 5, 10}, {5, 5, 5}),
                            words("AB15", 2, false, {0, 5, 10}, {5, 5, 5}),
                            words("RX15", 2, false, {11, 6, 1}, {5, 5, 5}),
                            words("RA15", 2, false, {11, 6, 1}, {5, 5, 5}),
                            words("BX15", 2, false, {1, 6, 11}, {5, 5, 5}),
                            words("BA15", 2, false, {1, 6, 11}, {5, 5, 5}),
                            words("RGBQ", 2, true, {10, 5, 0}, {5, 5, 5}),
                            words("XR15-BE", 2, true, {10, 5, 0}, {5, 5, 5}),
                            words("AR15-BE", 2, true, {10, 5, 0}, {5, 5, 5}),
                            words("R444", 2, false, {8, 4, 0}, {4, 4, 4}),
                            words("XR12", 2, false, {8, 4, 0}, {4, 4, 4}),
                            words("AR12", 2, false, {8, 4, 0}, {4, 4, 4}),
                            words("XB12", 2, false, {0, 4, 8}, {4, 4, 4}),
                            words("AB12", 2, false, {0, 4, 8}, {4, 4, 4}),
                            words("RX12", 2, false, {12, 8, 4}, {4, 4, 4}),
                            words("RA12", 2, false, {12, 8, 4}, {4, 4, 4}),
                            words("BX12", 2, false, {4, 8, 12}, {4, 4, 4}),
                            words("GA12", 2, false, {4, 8, 12}, {4, 4, 4}),
                            words("AR30", 4, false, {20, 10, 0}, {10, 10, 10}),
                            words("RX30", 4, false, {22, 12, 2}, {10, 10, 10}),
                            words("RA30", 4, false, {22, 12, 2}, {10, 10, 10})})
        check(one, false);
}

// The number of a pixel by itself: grey, and behind the filter of a sensor.
struct Alone {
    const char* suffix;
    int bits;
    std::uint32_t stride;
    std::function<int(const std::uint8_t* row, std::uint32_t x)> number;
};

int low_word(const std::uint8_t* row, std::uint32_t x, int bits) {
    return (row[2 * x] | row[2 * x + 1] << 8) & ((1 << bits) - 1);
}

TEST(Pictures, OfGreyAreTheExactOnes) {
    const Alone formats[] = {
        {"GREY", 8, 40, [](const std::uint8_t* row, std::uint32_t x) { return int{row[x]}; }},
        {"Y10", 10, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 10); }},
        {"Y12", 12, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 12); }},
        {"Y14", 14, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 14); }},
        {"Y16", 16, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 16); }},
        {"Y16-BE", 16, 80,
         [](const std::uint8_t* row, std::uint32_t x) { return row[2 * x] << 8 | row[2 * x + 1]; }},
        {"Y012", 12, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 16) >> 4; }},
        {"Y10P", 10, 64,
         [](const std::uint8_t* row, std::uint32_t x) {
             const std::uint8_t* group = row + x / 4 * 5;
             return group[x % 4] << 2 | (group[4] >> x % 4 * 2 & 3);
         }},
    };
    for (const Alone& one : formats)
        for (const ColorRange range : {ColorRange::limited, ColorRange::full}) {
            SCOPED_TRACE(one.suffix);
            const PixelFormat& format = *pixel_format_by_name(one.suffix);
            const auto layout = layout_of(format, one.stride, ColorMatrix::bt601, range);
            const Bytes image = random_image(layout);
            Picture picture;
            ASSERT_TRUE(to_picture(format, layout, image, picture));
            expect_same(picture, one.bits > 8 ? 16 : 8, [&](std::uint32_t x, std::uint32_t y) {
                const double level = luma_level(one.number(&image[std::size_t{y} * one.stride], x), one.bits,
                                                range == ColorRange::full);
                return clipped(level, level, level);
            });
        }
}

// The colours of a sensor's pixel, one direction after the other: the row that a filter of green stands in
// has the one colour to its sides and the other above and below; red and blue have green at their sides and
// each other at the corners.
class Sensor {
public:
    Sensor(std::string_view filters, const std::function<int(std::uint32_t, std::uint32_t)>& number)
        : filters_(filters), number_(number) {}
    Levels levels(std::uint32_t x, std::uint32_t y, int bits) const {
        Levels levels{};
        for (std::size_t i = 0; i < 3; ++i)
            levels[i] = std::clamp(
                color("RGB"[i], static_cast<int>(x), static_cast<int>(y)) / (std::exp2(bits) - 1), 0.0, 1.0);
        return levels;
    }

private:
    char filter(int x, int y) const { return filters_[static_cast<std::size_t>(y % 2 * 2 + x % 2)]; }
    double mean(std::initializer_list<std::pair<int, int>> places) const {
        double sum = 0;
        int count = 0;
        for (const auto& [x, y] : places)
            if (x >= 0 && y >= 0 && x < static_cast<int>(width) && y < static_cast<int>(height)) {
                sum += number_(static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y));
                ++count;
            }
        return sum / count;
    }
    double color(char wanted, int x, int y) const {
        const char own = filter(x, y);
        if (own == wanted)
            return mean({{x, y}});
        if (own == 'G')
            return filter(x + 1, y) == wanted ? mean({{x - 1, y}, {x + 1, y}})
                                              : mean({{x, y - 1}, {x, y + 1}});
        if (wanted == 'G')
            return mean({{x - 1, y}, {x + 1, y}, {x, y - 1}, {x, y + 1}});
        return mean({{x - 1, y - 1}, {x + 1, y - 1}, {x - 1, y + 1}, {x + 1, y + 1}});
    }

    std::string_view filters_;
    const std::function<int(std::uint32_t, std::uint32_t)>& number_;
};

TEST(Pictures, OfRawSensorsAreTheExactOnes) {
    const Alone packings[] = {
        {"8", 8, 40, [](const std::uint8_t* row, std::uint32_t x) { return int{row[x]}; }},
        {"10", 10, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 10); }},
        {"12", 12, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 12); }},
        {"14", 14, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 14); }},
        {"16", 16, 80, [](const std::uint8_t* row, std::uint32_t x) { return low_word(row, x, 16); }},
        {"10P", 10, 64,
         [](const std::uint8_t* row, std::uint32_t x) {
             const std::uint8_t* group = row + x / 4 * 5;
             return group[x % 4] << 2 | (group[4] >> x % 4 * 2 & 3);
         }},
        {"12P", 12, 64,
         [](const std::uint8_t* row, std::uint32_t x) {
             const std::uint8_t* group = row + x / 2 * 3;
             return group[x % 2] << 4 | (x % 2 ? group[2] >> 4 : group[2] & 15);
         }},
        {"14P", 14, 72,
         [](const std::uint8_t* row, std::uint32_t x) {
             const std::uint8_t* group = row + x / 4 * 7;
             const int lows[] = {group[4] & 0x3f, (group[4] >> 6 & 3) | (group[5] & 0x0f) << 2,
                                 (group[5] >> 4 & 0x0f) | (group[6] & 3) << 4, group[6] >> 2};
             return group[x % 4] << 6 | lows[x % 4];
         }},
    };
    for (const char* filters : {"BGGR", "GBRG", "GRBG", "RGGB"})
        for (const Alone& packing : packings) {
            const std::string name = std::string("S") + filters + packing.suffix;
            SCOPED_TRACE(name);
            const PixelFormat* format = pixel_format_by_name(name);
            ASSERT_TRUE(format);
            const auto layout = layout_of(*format, packing.stride, ColorMatrix::rgb, ColorRange::full);
            const Bytes image = random_image(layout);
            Picture picture;
            const auto made = to_picture(*format, layout, image, picture);
            ASSERT_TRUE(made) << made.error().message();
            const std::function<int(std::uint32_t, std::uint32_t)> number = [&](std::uint32_t x,
                                                                                std::uint32_t y) {
                return packing.number(&image[std::size_t{y} * packing.stride], x);
            };
            const Sensor sensor(filters, number);
            expect_same(picture, packing.bits > 8 ? 16 : 8,
                        [&](std::uint32_t x, std::uint32_t y) { return sensor.levels(x, y, packing.bits); });
        }
}

// The sanitizers see what is read past the end.
TEST(Pictures, AreMadeOfEveryFormatOrItIsSaidWhyNot) {
    for (const PixelFormat& format : pixel_formats()) {
        SCOPED_TRACE(format.name);
        if (const char* why = why_no_picture(format)) {
            EXPECT_TRUE(*why);
            EXPECT_EQ(can_convert(format, ImageLayout{}).error().kind(), ErrorKind::unsupported);
            continue;
        }
        for (const auto& [across, down] :
             {std::pair{1u, 1u}, {2u, 1u}, {1u, 2u}, {3u, 3u}, {5u, 7u}, {64u, 48u}}) {
            ImageLayout layout = linear_layout(format, across, down).value();
            layout.matrix = format.kind == PixelKind::yuv ? ColorMatrix::bt709 : ColorMatrix::rgb;
            layout.range = ColorRange::full;
            const Bytes image(layout.memory_sizes[0], 0xff);
            Picture picture;
            const auto made = to_picture(format, layout, image, picture);
            ASSERT_TRUE(made) << made.error().message();
            EXPECT_EQ(picture.depth, std::max(format.depth(), format.components[1].bits) > 8 ? 16u : 8u);
            const Bytes shorter(image.begin(), image.end() - 1);
            EXPECT_EQ(to_picture(format, layout, shorter, picture).error().kind(), ErrorKind::invalid);
        }
    }
}

} // namespace
} // namespace hwalloc::tools
