// Pictures of R, G and B and of Y'CbCr against a reference that shares neither code nor table with them:
// where each format keeps its numbers is written here once more, by the documents of V4L2
// (userspace-api/media/v4l/pixfmt-*.rst).
#include "tests/tools/picture_reference.h"

namespace hwalloc::tools {
namespace {

using namespace picture_reference;

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
            reference_layout(*format, one.stride, is_yuv ? colors.matrix : ColorMatrix::rgb, colors.range);
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

// By sixths of the circle of hues, as A. R. Smith has it: "Color Gamut Transform Pairs", SIGGRAPH 1978.
Levels levels_of_hsv(int hue, int saturation, int value, int circle) {
    const double h = 6.0 * hue / circle, s = saturation / 255.0, v = value / 255.0;
    const double sixth = std::floor(h), f = h - sixth;
    const double m = v * (1 - s), n = v * (1 - s * f), k = v * (1 - s * (1 - f));
    switch (static_cast<int>(sixth) % 6) {
    case 0:
        return {v, k, m};
    case 1:
        return {n, v, m};
    case 2:
        return {m, v, k};
    case 3:
        return {m, n, v};
    case 4:
        return {k, m, v};
    default:
        return {v, m, n};
    }
}

TEST(Pictures, OfHuesAreTheExactOnes) {
    for (const auto& [name, bytes] : {std::pair{"HSV3", std::size_t{3}}, {"HSV4", std::size_t{4}}})
        for (const ColorMatrix matrix : {ColorMatrix::hsv_180, ColorMatrix::hsv_256}) {
            SCOPED_TRACE(name);
            const int circle = matrix == ColorMatrix::hsv_180 ? 180 : 256;
            const PixelFormat& format = *pixel_format_by_name(name);
            const auto stride = static_cast<std::uint32_t>(40 * bytes);
            const auto layout = reference_layout(format, stride, matrix, ColorRange::full);
            Bytes image = random_image(layout);
            const std::size_t first = bytes - 3;
            for (std::size_t at = first; at < image.size(); at += bytes)
                image[at] = static_cast<std::uint8_t>(image[at] % circle);
            Picture picture;
            ASSERT_TRUE(to_picture(format, layout, image, picture));
            expect_same(picture, 8, [&](std::uint32_t x, std::uint32_t y) {
                const std::size_t at = std::size_t{y} * stride + x * bytes + first;
                return levels_of_hsv(image[at], image[at + 1], image[at + 2], circle);
            });
        }
}

TEST(Pictures, AreTheSameOfPlanesInSeveralMemories) {
    for (const PixelFormat& format : pixel_formats()) {
        if (!format.v4l2_memory_per_plane)
            continue;
        SCOPED_TRACE(format.name);
        const auto layout = reference_layout(format, 80, ColorMatrix::bt709, ColorRange::full);
        const ImageLayout apart = with_memory_per_plane(layout);
        const Bytes image = random_image(layout);
        std::vector<Bytes> planes;
        std::vector<std::span<const std::uint8_t>> memories;
        for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
            const auto first = image.begin() + static_cast<std::ptrdiff_t>(layout.planes[i].offset);
            planes.emplace_back(first, first + static_cast<std::ptrdiff_t>(layout.planes[i].size));
        }
        memories.assign(planes.begin(), planes.end());
        Picture together, made;
        ASSERT_TRUE(to_picture(format, layout, image, together));
        ASSERT_TRUE(to_picture(format, apart, memories, made));
        EXPECT_EQ(made.bytes, together.bytes);
        EXPECT_EQ(to_picture(format, apart, image, made).error().kind(), ErrorKind::invalid)
            << "a memory is missing";
        for (auto& memory : memories) {
            const auto whole = memory;
            memory = memory.first(memory.size() - 80);
            EXPECT_EQ(to_picture(format, apart, memories, made).error().kind(), ErrorKind::invalid);
            memory = whole;
        }
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
            layout.matrix = format.kind == PixelKind::yuv   ? ColorMatrix::bt709
                            : format.kind == PixelKind::hsv ? ColorMatrix::hsv_180
                                                            : ColorMatrix::rgb;
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
