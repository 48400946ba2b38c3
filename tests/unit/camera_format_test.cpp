// What a camera's driver answers about formats and colours, and what that is called elsewhere.
#include <gmock/gmock.h>

#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;

TEST_F(CameraTest, TheAnswerIsTheDriversNotTheRequest) {
    fake.answered_stride = 192;
    fake.extra_bytes = 64;
    auto camera = open();
    const auto format = camera.negotiate(yuyv()).value();
    EXPECT_EQ(format.layout.planes[0].stride, 192u);
    EXPECT_EQ(format.layout.memory_sizes[0], 192u * 48 + 64);
    EXPECT_EQ(format.layout.matrix, ColorMatrix::bt601);
    EXPECT_EQ(format.layout.range, ColorRange::limited);
    fake.answered_format = V4L2_PIX_FMT_MJPEG;
    const auto jpeg = camera.negotiate(yuyv()).value();
    EXPECT_EQ(jpeg.pixel_format, std::uint32_t{V4L2_PIX_FMT_MJPEG});
    EXPECT_EQ(jpeg.layout.fourcc, 0u);
    fake.answered_format = 0;
    fake.answered_stride = 100;
    EXPECT_EQ(camera.negotiate(yuyv()).error().kind(), ErrorKind::incompatible);
    fake.answered_stride = 0;
    fake.multi_planar = true;
    fake.memories = 5;
    auto planes = open();
    EXPECT_EQ(planes.negotiate(yuyv()).error().kind(), ErrorKind::unsupported);
}

TEST_F(CameraTest, ColoursFollowTheRulesOfVideodev2) {
    struct Row {
        std::uint32_t colorspace, encoding, quantization, height;
        ColorMatrix matrix;
        ColorRange range;
    };
    const Row rows[] = {
        {V4L2_COLORSPACE_SRGB, 0, 0, 48, ColorMatrix::bt601, ColorRange::limited},
        {V4L2_COLORSPACE_REC709, 0, 0, 48, ColorMatrix::bt709, ColorRange::limited},
        {V4L2_COLORSPACE_BT2020, 0, 0, 48, ColorMatrix::bt2020, ColorRange::limited},
        {V4L2_COLORSPACE_SMPTE240M, 0, 0, 48, ColorMatrix::smpte240m, ColorRange::limited},
        {V4L2_COLORSPACE_JPEG, 0, 0, 48, ColorMatrix::bt601, ColorRange::full},
        {V4L2_COLORSPACE_REC709, V4L2_YCBCR_ENC_601, V4L2_QUANTIZATION_FULL_RANGE, 48, ColorMatrix::bt601,
         ColorRange::full},
        {V4L2_COLORSPACE_BT2020, V4L2_YCBCR_ENC_BT2020_CONST_LUM, 0, 48, ColorMatrix::bt2020_constant,
         ColorRange::limited},
        {V4L2_COLORSPACE_DEFAULT, 0, 0, 480, ColorMatrix::bt601, ColorRange::limited},
        {V4L2_COLORSPACE_DEFAULT, 0, 0, 720, ColorMatrix::bt709, ColorRange::limited},
    };
    auto camera = open();
    for (const Row& row : rows) {
        fake.colorspace = row.colorspace;
        fake.encoding = row.encoding;
        fake.quantization = row.quantization;
        const auto layout = camera.negotiate(yuyv(64, row.height)).value().layout;
        EXPECT_EQ(layout.matrix, row.matrix) << row.colorspace << " " << row.encoding;
        EXPECT_EQ(layout.range, row.range) << row.colorspace << " " << row.encoding;
    }
}

// The table tells what a format is, not whether drm_fourcc.h has a name for it.
TEST_F(CameraTest, NumbersWithoutAMatrixAreOfFullRangeWhereTheDriverDoesNotSay) {
    auto camera = open();
    for (const std::uint32_t code : {V4L2_PIX_FMT_RGB565X, V4L2_PIX_FMT_SRGGB10, V4L2_PIX_FMT_BGR666}) {
        const auto layout =
            camera.negotiate({.pixel_format = code, .width = 64, .height = 48}).value().layout;
        EXPECT_EQ(layout.fourcc, 0u);
        EXPECT_EQ(layout.matrix, ColorMatrix::rgb) << fourcc_name(code);
        EXPECT_EQ(layout.range, ColorRange::full) << fourcc_name(code);
    }
    const auto packed =
        camera.negotiate({.pixel_format = V4L2_PIX_FMT_YUV565, .width = 64, .height = 48}).value().layout;
    EXPECT_EQ(packed.matrix, ColorMatrix::bt601);
    EXPECT_EQ(packed.range, ColorRange::limited);
}

TEST_F(CameraTest, HuesAreTold) {
    auto camera = open();
    for (const auto& [encoding, matrix] : {std::pair<std::uint32_t, ColorMatrix>{0, ColorMatrix::hsv_180},
                                           {V4L2_HSV_ENC_180, ColorMatrix::hsv_180},
                                           {V4L2_HSV_ENC_256, ColorMatrix::hsv_256}}) {
        fake.encoding = encoding;
        const auto layout =
            camera.negotiate({.pixel_format = V4L2_PIX_FMT_HSV32, .width = 64, .height = 48}).value().layout;
        EXPECT_EQ(layout.matrix, matrix);
        EXPECT_EQ(layout.range, ColorRange::full);
    }
}

// v4l2loopback takes 641x481, and has no byte for the halves of chroma samples at the edges.
TEST_F(CameraTest, AnOddSizeThatCutsChromaIsBytesWhoseLayoutIsNotKnown) {
    for (const bool multi_planar : {false, true})
        for (const std::uint32_t code : {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_NV12}) {
            fake.multi_planar = multi_planar;
            fake.extra_bytes = 0;
            auto camera = open();
            const v4l2::FormatRequest odd{.pixel_format = code, .width = 641, .height = 481};
            const auto cut = camera.negotiate(odd);
            ASSERT_TRUE(cut) << cut.error().message();
            const std::uint64_t bytes = code == V4L2_PIX_FMT_NV12 ? 641 * 481 * 3 / 2 : 1282 * 481;
            EXPECT_EQ(cut->layout.fourcc, 0u);
            EXPECT_EQ(cut->layout.memory_sizes[0], bytes);
            EXPECT_EQ(cut->layout.planes[0].size, bytes);
            EXPECT_EQ(cut->layout.matrix, ColorMatrix::bt601) << "what the numbers mean is known";
            // With room for whole samples it is a picture, where its rows have room too.
            fake.extra_bytes = 641 * 2;
            const auto whole = camera.negotiate(odd);
            ASSERT_TRUE(whole) << whole.error().message();
            EXPECT_EQ(whole->layout.fourcc != 0, code == V4L2_PIX_FMT_NV12);
            ASSERT_TRUE(camera.close());
        }
    // An even size has no such excuse.
    fake.answered_stride = 100;
    auto camera = open();
    EXPECT_EQ(camera.negotiate(yuyv()).error().kind(), ErrorKind::incompatible);
}

TEST(CameraNames, PixelFormatsTranslateBothWays) {
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_RGB24), fourcc('B', 'G', '2', '4'));
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_XBGR32), fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_BGR32), fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('X', 'R', '2', '4')), std::uint32_t{V4L2_PIX_FMT_XBGR32});
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_MJPEG), 0u);
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_NV12M), 0u);
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_YUV444M), 0u);
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('Y', 'U', '2', '4')), 0u);
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_P010), fourcc('P', '0', '1', '0'));
    // The same four letters for other bytes.
    EXPECT_EQ(v4l2::drm_of_pixel_format(fourcc('R', 'G', '1', '6')), 0u);
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('R', 'G', '1', '6')), std::uint32_t{V4L2_PIX_FMT_RGB565});
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_AYUV32), 0u);
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('A', 'Y', 'U', 'V')), std::uint32_t{V4L2_PIX_FMT_VUYA32});
}

// What a camera calls a format is what a card, EGL and a layout call it, and back, for every line of the
// table.
TEST(CameraNames, AreTheTables) {
    for (const PixelFormat& format : pixel_formats()) {
        EXPECT_EQ(v4l2::pixel_format_of_drm(format.drm.code), format.drm ? format.v4l2.code : 0)
            << format.name;
        EXPECT_EQ(v4l2::drm_of_pixel_format(format.v4l2.code), format.v4l2 ? format.drm.code : 0)
            << format.name;
        for (const std::uint32_t old : format.v4l2_old)
            EXPECT_EQ(v4l2::drm_of_pixel_format(old), old ? format.drm.code : 0) << format.name;
        EXPECT_EQ(v4l2::drm_of_pixel_format(format.v4l2_memory_per_plane), 0u) << format.name;
        if (format.drm) {
            EXPECT_EQ(is_yuv(format.drm.code), format.is_yuv()) << format.name;
            EXPECT_TRUE(linear_layout(format.drm.code, 64, 48)) << format.name;
        }
    }
}

} // namespace
} // namespace hwalloc
