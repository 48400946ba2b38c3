// The table of pixel formats against the headers and documents of those whose codes they are.
#include <drm_fourcc.h>
#include <gtest/gtest.h>
#include <linux/videodev2.h>

#include <cctype>
#include <map>

#include "hwalloc/pixel_format.h"

namespace hwalloc {
namespace {

struct HeaderCode {
    const char* name; // in the header
    std::uint32_t code;
};

// By the name that videodev2.h has for a code, people find its format.
TEST(PixelFormatCodes, V4l2sAreThoseOfItsHeader) {
#define HWALLOC_CODE(name) HeaderCode{#name, V4L2_PIX_FMT_##name}
    std::vector<HeaderCode> codes{
        HWALLOC_CODE(RGB332),   HWALLOC_CODE(RGB444),   HWALLOC_CODE(ARGB444),  HWALLOC_CODE(XRGB444),
        HWALLOC_CODE(RGBA444),  HWALLOC_CODE(RGBX444),  HWALLOC_CODE(ABGR444),  HWALLOC_CODE(XBGR444),
        HWALLOC_CODE(BGRA444),  HWALLOC_CODE(BGRX444),  HWALLOC_CODE(RGB555),   HWALLOC_CODE(ARGB555),
        HWALLOC_CODE(XRGB555),  HWALLOC_CODE(RGBA555),  HWALLOC_CODE(RGBX555),  HWALLOC_CODE(ABGR555),
        HWALLOC_CODE(XBGR555),  HWALLOC_CODE(BGRA555),  HWALLOC_CODE(BGRX555),  HWALLOC_CODE(RGB565),
        HWALLOC_CODE(RGB555X),  HWALLOC_CODE(ARGB555X), HWALLOC_CODE(XRGB555X), HWALLOC_CODE(RGB565X),
        HWALLOC_CODE(BGR666),   HWALLOC_CODE(BGR24),    HWALLOC_CODE(RGB24),    HWALLOC_CODE(BGR32),
        HWALLOC_CODE(ABGR32),   HWALLOC_CODE(XBGR32),   HWALLOC_CODE(BGRA32),   HWALLOC_CODE(BGRX32),
        HWALLOC_CODE(RGB32),    HWALLOC_CODE(RGBA32),   HWALLOC_CODE(RGBX32),   HWALLOC_CODE(ARGB32),
        HWALLOC_CODE(XRGB32),   HWALLOC_CODE(GREY),     HWALLOC_CODE(Y10),      HWALLOC_CODE(Y12),
        HWALLOC_CODE(Y14),      HWALLOC_CODE(Y16),      HWALLOC_CODE(Y16_BE),   HWALLOC_CODE(Y10P),
        HWALLOC_CODE(YUYV),     HWALLOC_CODE(YVYU),     HWALLOC_CODE(UYVY),     HWALLOC_CODE(VYUY),
        HWALLOC_CODE(YUV444),   HWALLOC_CODE(YUV555),   HWALLOC_CODE(YUV565),   HWALLOC_CODE(YUV24),
        HWALLOC_CODE(YUV32),    HWALLOC_CODE(AYUV32),   HWALLOC_CODE(XYUV32),   HWALLOC_CODE(VUYA32),
        HWALLOC_CODE(VUYX32),   HWALLOC_CODE(YUVA32),   HWALLOC_CODE(YUVX32),   HWALLOC_CODE(NV12),
        HWALLOC_CODE(NV21),     HWALLOC_CODE(NV16),     HWALLOC_CODE(NV61),     HWALLOC_CODE(NV24),
        HWALLOC_CODE(NV42),     HWALLOC_CODE(P010),     HWALLOC_CODE(NV12M),    HWALLOC_CODE(NV21M),
        HWALLOC_CODE(NV16M),    HWALLOC_CODE(NV61M),    HWALLOC_CODE(YUV410),   HWALLOC_CODE(YVU410),
        HWALLOC_CODE(YUV411P),  HWALLOC_CODE(YUV420),   HWALLOC_CODE(YVU420),   HWALLOC_CODE(YUV422P),
        HWALLOC_CODE(YUV420M),  HWALLOC_CODE(YVU420M),  HWALLOC_CODE(YUV422M),  HWALLOC_CODE(YVU422M),
        HWALLOC_CODE(YUV444M),  HWALLOC_CODE(YVU444M),  HWALLOC_CODE(SBGGR8),   HWALLOC_CODE(SGBRG8),
        HWALLOC_CODE(SGRBG8),   HWALLOC_CODE(SRGGB8),   HWALLOC_CODE(SBGGR10),  HWALLOC_CODE(SGBRG10),
        HWALLOC_CODE(SGRBG10),  HWALLOC_CODE(SRGGB10),  HWALLOC_CODE(SBGGR10P), HWALLOC_CODE(SGBRG10P),
        HWALLOC_CODE(SGRBG10P), HWALLOC_CODE(SRGGB10P), HWALLOC_CODE(SBGGR12),  HWALLOC_CODE(SGBRG12),
        HWALLOC_CODE(SGRBG12),  HWALLOC_CODE(SRGGB12),  HWALLOC_CODE(SBGGR12P), HWALLOC_CODE(SGBRG12P),
        HWALLOC_CODE(SGRBG12P), HWALLOC_CODE(SRGGB12P), HWALLOC_CODE(SBGGR14),  HWALLOC_CODE(SGBRG14),
        HWALLOC_CODE(SGRBG14),  HWALLOC_CODE(SRGGB14),  HWALLOC_CODE(SBGGR14P), HWALLOC_CODE(SGBRG14P),
        HWALLOC_CODE(SGRBG14P), HWALLOC_CODE(SRGGB14P), HWALLOC_CODE(SBGGR16),  HWALLOC_CODE(SGBRG16),
        HWALLOC_CODE(SGRBG16),  HWALLOC_CODE(SRGGB16),  HWALLOC_CODE(HSV24),    HWALLOC_CODE(HSV32),
        HWALLOC_CODE(MJPEG),    HWALLOC_CODE(JPEG),     HWALLOC_CODE(MPEG),     HWALLOC_CODE(H264),
        HWALLOC_CODE(H263),     HWALLOC_CODE(MPEG1),    HWALLOC_CODE(MPEG2),    HWALLOC_CODE(MPEG4),
        HWALLOC_CODE(VP8),      HWALLOC_CODE(VP9),      HWALLOC_CODE(HEVC),     HWALLOC_CODE(FWHT)};
    // Of later kernels than the oldest that this is built with.
#ifdef V4L2_PIX_FMT_P012
    codes.push_back(HWALLOC_CODE(P012));
#endif
#ifdef V4L2_PIX_FMT_P012M
    codes.push_back(HWALLOC_CODE(P012M));
#endif
#ifdef V4L2_PIX_FMT_Y012
    codes.push_back(HWALLOC_CODE(Y012));
#endif
#ifdef V4L2_PIX_FMT_Y12P
    codes.push_back(HWALLOC_CODE(Y12P));
#endif
#ifdef V4L2_PIX_FMT_Y14P
    codes.push_back(HWALLOC_CODE(Y14P));
#endif
#ifdef V4L2_PIX_FMT_Y210
    codes.push_back(HWALLOC_CODE(Y210));
#endif
#ifdef V4L2_PIX_FMT_Y212
    codes.push_back(HWALLOC_CODE(Y212));
#endif
#ifdef V4L2_PIX_FMT_Y216
    codes.push_back(HWALLOC_CODE(Y216));
#endif
#ifdef V4L2_PIX_FMT_NV15
    codes.push_back(HWALLOC_CODE(NV15));
#endif
#ifdef V4L2_PIX_FMT_NV20
    codes.push_back(HWALLOC_CODE(NV20));
#endif
#ifdef V4L2_PIX_FMT_AV1
    codes.push_back(HWALLOC_CODE(AV1));
#endif
#ifdef V4L2_PIX_FMT_RGBX1010102
    codes.push_back(HWALLOC_CODE(RGBX1010102));
#endif
#ifdef V4L2_PIX_FMT_RGBA1010102
    codes.push_back(HWALLOC_CODE(RGBA1010102));
#endif
#ifdef V4L2_PIX_FMT_ARGB2101010
    codes.push_back(HWALLOC_CODE(ARGB2101010));
#endif
#undef HWALLOC_CODE
    for (const HeaderCode& one : codes) {
        const PixelFormat* format = pixel_format_by_name(one.name);
        ASSERT_TRUE(format) << one.name;
        EXPECT_EQ(format, pixel_format_by_v4l2(one.code)) << one.name << " is not " << fourcc_name(one.code);
    }
}

// A little-endian word as drm_fourcc.h tells it: from the highest bit down.
struct HeaderWord {
    std::uint32_t code;
    const char *letters, *widths; // "x:R:G:B", "8:8:8:8"
};

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts(1);
    for (const char letter : text)
        if (letter == ':')
            parts.emplace_back();
        else
            parts.back() += letter;
    return parts;
}

// The component that a name of drm_fourcc.h stands for, and which number of it: "Y1" is the second Y. -1:
// padding.
std::pair<int, int> component_of(std::string name, bool is_yuv) {
    int number = 0;
    if (name.size() > 1 && std::isdigit(static_cast<unsigned char>(name.back()))) {
        number = name.back() - '0';
        name.pop_back();
    }
    const std::map<std::string, int> yuv{{"Y", 0}, {"Cb", 1}, {"Cr", 2}, {"A", 3}},
        rgb{{"R", 0}, {"G", 1}, {"B", 2}, {"A", 3}};
    const auto& components = is_yuv ? yuv : rgb;
    const auto found = components.find(name);
    return {found == components.end() ? -1 : found->second, number};
}

TEST(PixelFormatCodes, DrmsWordsAreThoseOfItsHeader) {
    constexpr HeaderWord words[] = {
        {DRM_FORMAT_R10, "x:R", "6:10"},
        {DRM_FORMAT_R12, "x:R", "4:12"},
        {DRM_FORMAT_GR88, "G:R", "8:8"},
        {DRM_FORMAT_GR1616, "G:R", "16:16"},
        {DRM_FORMAT_RGB332, "R:G:B", "3:3:2"},
        {DRM_FORMAT_XRGB4444, "x:R:G:B", "4:4:4:4"},
        {DRM_FORMAT_XBGR4444, "x:B:G:R", "4:4:4:4"},
        {DRM_FORMAT_RGBX4444, "R:G:B:x", "4:4:4:4"},
        {DRM_FORMAT_BGRX4444, "B:G:R:x", "4:4:4:4"},
        {DRM_FORMAT_ARGB4444, "A:R:G:B", "4:4:4:4"},
        {DRM_FORMAT_ABGR4444, "A:B:G:R", "4:4:4:4"},
        {DRM_FORMAT_RGBA4444, "R:G:B:A", "4:4:4:4"},
        {DRM_FORMAT_BGRA4444, "B:G:R:A", "4:4:4:4"},
        {DRM_FORMAT_XRGB1555, "x:R:G:B", "1:5:5:5"},
        {DRM_FORMAT_XBGR1555, "x:B:G:R", "1:5:5:5"},
        {DRM_FORMAT_RGBX5551, "R:G:B:x", "5:5:5:1"},
        {DRM_FORMAT_BGRX5551, "B:G:R:x", "5:5:5:1"},
        {DRM_FORMAT_ARGB1555, "A:R:G:B", "1:5:5:5"},
        {DRM_FORMAT_ABGR1555, "A:B:G:R", "1:5:5:5"},
        {DRM_FORMAT_RGBA5551, "R:G:B:A", "5:5:5:1"},
        {DRM_FORMAT_BGRA5551, "B:G:R:A", "5:5:5:1"},
        {DRM_FORMAT_RGB565, "R:G:B", "5:6:5"},
        {DRM_FORMAT_BGR565, "B:G:R", "5:6:5"},
        {DRM_FORMAT_RGB888, "R:G:B", "8:8:8"},
        {DRM_FORMAT_BGR888, "B:G:R", "8:8:8"},
        {DRM_FORMAT_XRGB8888, "x:R:G:B", "8:8:8:8"},
        {DRM_FORMAT_XBGR8888, "x:B:G:R", "8:8:8:8"},
        {DRM_FORMAT_RGBX8888, "R:G:B:x", "8:8:8:8"},
        {DRM_FORMAT_BGRX8888, "B:G:R:x", "8:8:8:8"},
        {DRM_FORMAT_ARGB8888, "A:R:G:B", "8:8:8:8"},
        {DRM_FORMAT_ABGR8888, "A:B:G:R", "8:8:8:8"},
        {DRM_FORMAT_RGBA8888, "R:G:B:A", "8:8:8:8"},
        {DRM_FORMAT_BGRA8888, "B:G:R:A", "8:8:8:8"},
        {DRM_FORMAT_XRGB2101010, "x:R:G:B", "2:10:10:10"},
        {DRM_FORMAT_XBGR2101010, "x:B:G:R", "2:10:10:10"},
        {DRM_FORMAT_RGBX1010102, "R:G:B:x", "10:10:10:2"},
        {DRM_FORMAT_ARGB2101010, "A:R:G:B", "2:10:10:10"},
        {DRM_FORMAT_ABGR2101010, "A:B:G:R", "2:10:10:10"},
        {DRM_FORMAT_RGBA1010102, "R:G:B:A", "10:10:10:2"},
        {DRM_FORMAT_XBGR16161616, "x:B:G:R", "16:16:16:16"},
        {DRM_FORMAT_ABGR16161616, "A:B:G:R", "16:16:16:16"},
        {DRM_FORMAT_XBGR16161616F, "x:B:G:R", "16:16:16:16"},
        {DRM_FORMAT_ABGR16161616F, "A:B:G:R", "16:16:16:16"},
        {DRM_FORMAT_YUYV, "Cr0:Y1:Cb0:Y0", "8:8:8:8"},
        {DRM_FORMAT_YVYU, "Cb0:Y1:Cr0:Y0", "8:8:8:8"},
        {DRM_FORMAT_UYVY, "Y1:Cr0:Y0:Cb0", "8:8:8:8"},
        {DRM_FORMAT_VYUY, "Y1:Cb0:Y0:Cr0", "8:8:8:8"},
        {DRM_FORMAT_AYUV, "A:Y:Cb:Cr", "8:8:8:8"},
        {DRM_FORMAT_XYUV8888, "X:Y:Cb:Cr", "8:8:8:8"},
        {DRM_FORMAT_VUY888, "Cr:Cb:Y", "8:8:8"},
        {DRM_FORMAT_Y210, "Cr0:0:Y1:0:Cb0:0:Y0:0", "10:6:10:6:10:6:10:6"},
        {DRM_FORMAT_Y212, "Cr0:0:Y1:0:Cb0:0:Y0:0", "12:4:12:4:12:4:12:4"},
        {DRM_FORMAT_Y216, "Cr0:Y1:Cb0:Y0", "16:16:16:16"},
#ifdef DRM_FORMAT_AVUY8888
        {DRM_FORMAT_AVUY8888, "A:Cr:Cb:Y", "8:8:8:8"},
#endif
#ifdef DRM_FORMAT_XVUY8888
        {DRM_FORMAT_XVUY8888, "X:Cr:Cb:Y", "8:8:8:8"},
#endif
    };
    for (const HeaderWord& word : words) {
        SCOPED_TRACE(fourcc_name(word.code));
        const PixelFormat* format = pixel_format_by_drm(word.code);
        ASSERT_TRUE(format);
        const auto letters = split(word.letters), widths = split(word.widths);
        const bool is_yuv = format->kind == PixelKind::yuv;
        std::array<int, 4> numbers{};
        int low = 0;
        for (std::size_t i = letters.size(); i-- > 0;) {
            const auto [component, number] = component_of(letters[i], is_yuv);
            if (component >= 0) {
                const PixelComponent& place = format->components[static_cast<std::size_t>(component)];
                EXPECT_EQ(place.first + place.step * number, low) << letters[i];
                EXPECT_EQ(place.bits, std::stoi(widths[i])) << letters[i];
                ++numbers[static_cast<std::size_t>(component)];
            }
            low += std::stoi(widths[i]);
        }
        EXPECT_EQ(format->plane_count, 1);
        EXPECT_EQ(format->planes[0].bytes * 8, low);
        EXPECT_EQ(format->planes[0].columns, std::max(numbers[0], 1));
        for (std::size_t i = 0; i < 4; ++i)
            EXPECT_EQ(numbers[i] > 0, format->components[i].bits > 0) << i;
    }
}

// Formats of several planes: what the comments of drm_fourcc.h say of them.
TEST(PixelFormatCodes, DrmsPlanesAreThoseOfItsHeader) {
    struct Planes {
        std::uint32_t code;
        int planes, across, down, cb_plane, cb_first; // the first Cb's plane, and its lowest bit
    };
    constexpr Planes formats[] = {{DRM_FORMAT_NV12, 2, 2, 2, 1, 0},   {DRM_FORMAT_NV21, 2, 2, 2, 1, 8},
                                  {DRM_FORMAT_NV16, 2, 2, 1, 1, 0},   {DRM_FORMAT_NV61, 2, 2, 1, 1, 8},
                                  {DRM_FORMAT_NV24, 2, 1, 1, 1, 0},   {DRM_FORMAT_NV42, 2, 1, 1, 1, 8},
                                  {DRM_FORMAT_NV15, 2, 2, 2, 1, 0},   {DRM_FORMAT_P210, 2, 2, 1, 1, 6},
                                  {DRM_FORMAT_P010, 2, 2, 2, 1, 6},   {DRM_FORMAT_P012, 2, 2, 2, 1, 4},
                                  {DRM_FORMAT_P016, 2, 2, 2, 1, 0},   {DRM_FORMAT_YUV410, 3, 4, 4, 1, 0},
                                  {DRM_FORMAT_YVU410, 3, 4, 4, 2, 0}, {DRM_FORMAT_YUV411, 3, 4, 1, 1, 0},
                                  {DRM_FORMAT_YUV420, 3, 2, 2, 1, 0}, {DRM_FORMAT_YVU420, 3, 2, 2, 2, 0},
                                  {DRM_FORMAT_YUV422, 3, 2, 1, 1, 0}, {DRM_FORMAT_YVU422, 3, 2, 1, 2, 0},
                                  {DRM_FORMAT_YUV444, 3, 1, 1, 1, 0}, {DRM_FORMAT_YVU444, 3, 1, 1, 2, 0}};
    for (const Planes& one : formats) {
        SCOPED_TRACE(fourcc_name(one.code));
        const PixelFormat* format = pixel_format_by_drm(one.code);
        ASSERT_TRUE(format);
        EXPECT_EQ(format->plane_count, one.planes);
        EXPECT_EQ(format->chroma_columns, one.across);
        EXPECT_EQ(format->chroma_rows, one.down);
        EXPECT_EQ(format->components[1].plane, one.cb_plane);
        EXPECT_EQ(format->components[1].first, one.cb_first);
        EXPECT_EQ(format->components[2].plane, one.planes == 2 ? 1 : 3 - one.cb_plane);
    }
}

} // namespace
} // namespace hwalloc
