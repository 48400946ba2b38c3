// The picture converters against a reference in double precision that shares no code with them.
#include <gmock/gmock.h>
#include <png.h>

#include <cstring>
#include <random>
#include <set>

#include "hwalloc/test_pattern.h"
#include "tests/reference/yuv_reference.h"
#include "tools/image/convert.h"
#include "tools/image/picture.h"
#include "tools/image/png.h"

namespace hwalloc::tools {
namespace {

struct Colors {
    ColorMatrix matrix;
    const yuv_reference::Standard* standard;
};
constexpr Colors all_matrices[] = {{ColorMatrix::bt601, &yuv_reference::bt601},
                                   {ColorMatrix::bt709, &yuv_reference::bt709},
                                   {ColorMatrix::bt2020, &yuv_reference::bt2020},
                                   {ColorMatrix::smpte240m, &yuv_reference::smpte240}};

ImageLayout layout_of(std::uint32_t code, std::uint32_t width, std::uint32_t height, ColorMatrix matrix,
                      ColorRange range, std::uint32_t stride = 0) {
    ImageLayout layout = linear_layout(code, width, height, stride).value();
    layout.matrix = matrix;
    layout.range = range;
    return layout;
}

// Half of a unit is what rounding costs; the rest is the converter's.
constexpr double tolerance = 0.5 + 0.02;

// Every combination of luma and chroma is too much for a test; all of the corners and a million others are
// not.
TEST(Convert, EveryMatrixAndRangeAgreesWithTheReference) {
    std::mt19937 random(20240607);
    for (const Colors& colors : all_matrices) {
        for (const ColorRange range : {ColorRange::limited, ColorRange::full}) {
            const ImageLayout layout = layout_of(fourcc('Y', 'U', 'Y', 'V'), 512, 256, colors.matrix, range);
            std::vector<std::uint8_t> image(layout.memory_sizes[0]), rgb;
            for (auto& byte : image)
                byte = static_cast<std::uint8_t>(random());
            // The first row: every corner of the cube.
            for (unsigned corner = 0; corner < 8; ++corner) {
                image[4 * corner] = image[4 * corner + 2] = corner & 1 ? 255 : 0;
                image[4 * corner + 1] = corner & 2 ? 255 : 0;
                image[4 * corner + 3] = corner & 4 ? 255 : 0;
            }
            ASSERT_TRUE(to_rgb(layout, image, rgb));
            double worst = 0;
            for (std::size_t pixel = 0; pixel < rgb.size() / 3; ++pixel) {
                const std::uint8_t* pair = image.data() + (pixel / 2) * 4;
                const auto exact = yuv_reference::to_rgb(*colors.standard, range == ColorRange::full,
                                                         pair[(pixel & 1) * 2], pair[1], pair[3]);
                worst = std::max(worst, yuv_reference::difference(exact, &rgb[3 * pixel]));
            }
            EXPECT_LE(worst, tolerance);
        }
    }
}

// Where each format keeps its bytes, by formats.rst of the kernel, with strides longer than a row and odd
// sizes.
TEST(Convert, EveryFormatReadsItsOwnBytes) {
    constexpr std::uint32_t width = 37, height = 21;
    std::mt19937 random(7);
    const auto check = [&](std::uint32_t code, std::uint32_t stride, ColorMatrix matrix, ColorRange range,
                           auto exact_at) {
        SCOPED_TRACE(fourcc_name(code));
        const ImageLayout layout = layout_of(code, width, height, matrix, range, stride);
        std::vector<std::uint8_t> image(layout.memory_sizes[0]), rgb;
        for (auto& byte : image)
            byte = static_cast<std::uint8_t>(random());
        ASSERT_TRUE(to_rgb(layout, image, rgb));
        ASSERT_EQ(rgb.size(), std::size_t{3} * width * height);
        for (std::uint32_t y = 0; y < height; ++y)
            for (std::uint32_t x = 0; x < width; ++x)
                ASSERT_LE(yuv_reference::difference(exact_at(image, x, y), &rgb[3 * (y * width + x)]),
                          tolerance)
                    << x << "," << y;
    };
    using Bytes = std::vector<std::uint8_t>;
    using yuv_reference::bt601, yuv_reference::bt709, yuv_reference::to_level;
    check(fourcc('Y', 'U', 'Y', 'V'), 96, ColorMatrix::bt601, ColorRange::limited,
          [](const Bytes& i, std::uint32_t x, std::uint32_t y) {
              const std::size_t pair = y * 96 + (x / 2) * 4;
              return yuv_reference::to_rgb(bt601, false, i[pair + (x % 2) * 2], i[pair + 1], i[pair + 3]);
          });
    check(fourcc('U', 'Y', 'V', 'Y'), 80, ColorMatrix::bt709, ColorRange::limited,
          [](const Bytes& i, std::uint32_t x, std::uint32_t y) {
              const std::size_t pair = y * 80 + (x / 2) * 4;
              return yuv_reference::to_rgb(bt709, false, i[pair + (x % 2) * 2 + 1], i[pair], i[pair + 2]);
          });
    check(fourcc('N', 'V', '1', '2'), 64, ColorMatrix::bt709, ColorRange::full,
          [](const Bytes& i, std::uint32_t x, std::uint32_t y) {
              const std::size_t chroma = 64 * 21 + (y / 2) * 64 + (x / 2) * 2;
              return yuv_reference::to_rgb(bt709, true, i[y * 64 + x], i[chroma], i[chroma + 1]);
          });
    check(fourcc('B', 'G', '2', '4'), 120, ColorMatrix::rgb, ColorRange::full,
          [](const Bytes& i, std::uint32_t x, std::uint32_t y) {
              const std::size_t at = y * 120 + x * 3;
              return yuv_reference::Rgb{1.0 * i[at], 1.0 * i[at + 1], 1.0 * i[at + 2]};
          });
    check(fourcc('X', 'R', '2', '4'), 160, ColorMatrix::rgb, ColorRange::limited,
          [](const Bytes& i, std::uint32_t x, std::uint32_t y) {
              const std::size_t at = y * 160 + x * 4;
              return yuv_reference::Rgb{to_level(false, i[at + 2]), to_level(false, i[at + 1]),
                                        to_level(false, i[at])};
          });
    check(fourcc('R', '8', ' ', ' '), 40, ColorMatrix::bt601, ColorRange::limited,
          [](const Bytes& i, std::uint32_t x, std::uint32_t y) {
              const double level = to_level(false, i[y * 40 + x]);
              return yuv_reference::Rgb{level, level, level};
          });
}

TEST(Convert, RefusesWhatItCannotDo) {
    std::vector<std::uint8_t> rgb;
    const auto mjpeg = ImageLayout{.width = 8, .height = 8, .plane_count = 1, .memory_count = 1};
    EXPECT_EQ(can_convert(mjpeg).error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(can_convert(layout_of(fourcc('N', 'V', '1', '2'), 8, 8, ColorMatrix::bt2020_constant,
                                    ColorRange::limited))
                  .error()
                  .kind(),
              ErrorKind::unsupported);
    const auto layout = layout_of(fourcc('N', 'V', '1', '2'), 8, 8, ColorMatrix::bt601, ColorRange::full);
    const std::vector<std::uint8_t> short_image(layout.memory_sizes[0] - 1);
    EXPECT_EQ(to_rgb(layout, short_image, rgb).error().kind(), ErrorKind::invalid);
}

TEST(TestPattern, AreTheColoursTheySayInEveryFormat) {
    std::set<std::string> drawn;
    for (const PixelFormat& format : pixel_formats()) {
        if (!format.drm || format.kind == PixelKind::grey || !format.components[2].bits)
            continue;
        const bool yuv = format.is_yuv();
        // Two values of 8 bits; of fewer, what half a step of the coarsest is.
        int bits = 8;
        for (int i = 0; i < 3; ++i)
            bits = std::min<int>(bits, format.components[static_cast<std::size_t>(i)].bits);
        const double near = std::max(2.0, 255.0 / ((1 << bits) - 1) / 2 + 0.5);
        for (const std::uint32_t width : {64u, 77u}) {
            SCOPED_TRACE(std::string(format.name) + " " + std::to_string(width));
            ImageLayout layout =
                layout_of(format.drm.code, width, 11, yuv ? ColorMatrix::bt709 : ColorMatrix::rgb,
                          yuv ? ColorRange::limited : ColorRange::full);
            const auto bars = TestPattern::make(layout);
            if (!bars) {
                EXPECT_EQ(bars.error().kind(), ErrorKind::unsupported);
                continue;
            }
            drawn.insert(format.name);
            for (const std::uint32_t frame : {0u, 1u, 40u, 4'000'000'000u}) {
                // The last byte is a guard: drawing must end with the image.
                std::vector<std::uint8_t> image(layout.memory_sizes[0] + 1, 0xa5);
                ASSERT_TRUE(bars->draw({image.data(), layout.memory_sizes[0]}, frame));
                ASSERT_EQ(image.back(), 0xa5);
                Picture picture;
                ASSERT_TRUE(to_picture(format, layout, image, picture));
                for (std::uint32_t y = 0; y < 11; ++y)
                    for (std::uint32_t x = 0; x < width; ++x) {
                        const auto want = bars->color_at(x, frame);
                        const std::size_t at = (std::size_t{3} * y * width + 3 * x) * (picture.depth / 8);
                        for (std::size_t c = 0; c < 3; ++c) // of 16 bits the high byte
                            ASSERT_NEAR(picture.bytes[at + c * (picture.depth / 8)], want[c], near)
                                << x << "," << y;
                    }
            }
        }
    }
    EXPECT_THAT(drawn, ::testing::IsSupersetOf({"YUYV", "UYVY", "VYUY", "NV12", "NV21", "NV24",  "P010",
                                                "Y210", "YU12", "YV12", "422P", "VUYA", "RGB24", "BGR24",
                                                "XR24", "AR24", "XB24", "RGBP", "XR15", "XR30",  "AB48"}));
}

TEST(TestPattern, MoveAndHaveEightColours) {
    const auto bars =
        TestPattern::make(layout_of(fourcc('X', 'R', '2', '4'), 80, 4, ColorMatrix::rgb, ColorRange::full))
            .value();
    std::set<std::array<std::uint8_t, 3>> seen;
    for (std::uint32_t x = 0; x < 80; ++x)
        seen.insert(bars.color_at(x, 0));
    EXPECT_EQ(seen.size(), 8u);
    EXPECT_EQ(bars.color_at(0, 5), bars.color_at(10, 0));
}

TEST(TestPattern, GreyIsTheLumaOfTheBars) {
    const auto layout = layout_of(fourcc('R', '8', ' ', ' '), 64, 2, ColorMatrix::bt601, ColorRange::limited);
    const auto bars = TestPattern::make(layout).value();
    std::vector<std::uint8_t> image(layout.memory_sizes[0]);
    ASSERT_TRUE(bars.draw(image, 0));
    for (std::uint32_t x = 0; x < 64; ++x) {
        const auto c = bars.color_at(x, 0);
        const double level = 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
        EXPECT_NEAR(image[x], 16 + 219 * level / 255, 0.51) << x;
    }
}

TEST(Png, HoldsThePixelsThatWereWritten) {
    std::vector<std::uint8_t> rgb(3 * 5 * 4), back(rgb.size());
    for (std::size_t i = 0; i < rgb.size(); ++i)
        rgb[i] = static_cast<std::uint8_t>(i * 7);
    const auto file = encode_png(5, 4, rgb).value();
    EXPECT_EQ(encode_png(5, 5, rgb).error().kind(), ErrorKind::invalid);
    png_image image;
    std::memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    ASSERT_TRUE(png_image_begin_read_from_memory(&image, file.data(), file.size()));
    image.format = PNG_FORMAT_RGB;
    ASSERT_EQ(image.width, 5u);
    ASSERT_EQ(image.height, 4u);
    ASSERT_TRUE(png_image_finish_read(&image, nullptr, back.data(), 0, nullptr));
    EXPECT_EQ(rgb, back);
}

TEST(Png, HoldsEachOfSixteenBits) {
    std::vector<std::uint8_t> rgb(2 * 3 * 5 * 4);
    for (std::size_t i = 0; i < rgb.size(); ++i)
        rgb[i] = static_cast<std::uint8_t>(i * 37);
    const auto file = encode_png(5, 4, rgb, 16).value();
    EXPECT_EQ(encode_png(5, 5, rgb, 16).error().kind(), ErrorKind::invalid);
    const std::uint8_t* next = file.data();
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_set_read_fn(png, &next, [](png_structp from, png_bytep to, png_size_t count) {
        auto& left = *static_cast<const std::uint8_t**>(png_get_io_ptr(from));
        std::memcpy(to, left, count);
        left += count;
    });
    png_read_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
    EXPECT_EQ(png_get_bit_depth(png, info), 16);
    EXPECT_EQ(png_get_color_type(png, info), PNG_COLOR_TYPE_RGB);
    ASSERT_EQ(png_get_image_height(png, info), 4u);
    ASSERT_EQ(png_get_rowbytes(png, info), 30u);
    std::vector<std::uint8_t> back;
    for (unsigned row = 0; row < 4; ++row)
        back.insert(back.end(), png_get_rows(png, info)[row], png_get_rows(png, info)[row] + 30);
    png_destroy_read_struct(&png, &info, nullptr);
    EXPECT_EQ(rgb, back);
}

} // namespace
} // namespace hwalloc::tools
