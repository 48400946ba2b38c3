// Pictures of grey and of raw sensors, a number for each pixel, against a reference that shares neither code
// nor table with them, by the documents of V4L2 (userspace-api/media/v4l/pixfmt-yuv-luma.rst,
// pixfmt-srggb*.rst).
#include "tests/tools/picture_reference.h"

namespace hwalloc::tools {
namespace {

using namespace picture_reference;

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
            const auto layout = reference_layout(format, one.stride, ColorMatrix::bt601, range);
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
            const auto layout = reference_layout(*format, packing.stride, ColorMatrix::rgb, ColorRange::full);
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

} // namespace
} // namespace hwalloc::tools
