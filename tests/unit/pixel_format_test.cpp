// The table of pixel formats against itself: whole rows, and every way to find them.
#include <gtest/gtest.h>

#include <sstream>

#include "hwalloc/pixel_format.h"

namespace hwalloc {
namespace {

bool is_whole(const FormatCode& code) {
    return code ? !code.why_none : code.why_none && *code.why_none;
}

std::vector<std::uint32_t> v4l2_codes(const PixelFormat& format) {
    std::vector<std::uint32_t> codes;
    for (const std::uint32_t code :
         {format.v4l2.code, format.v4l2_memory_per_plane, format.v4l2_old[0], format.v4l2_old[1]})
        if (code)
            codes.push_back(code);
    return codes;
}

std::vector<std::string> names(const PixelFormat& format) {
    std::vector<std::string> all{format.name};
    std::istringstream aliases(format.aliases);
    for (std::string alias; aliases >> alias;)
        all.push_back(alias);
    return all;
}

TEST(PixelFormats, HaveACodeOrAReasonInEveryInterface) {
    for (const PixelFormat& format : pixel_formats()) {
        EXPECT_TRUE(is_whole(format.drm)) << format.name;
        EXPECT_TRUE(is_whole(format.v4l2)) << format.name;
        EXPECT_TRUE(is_whole(format.vulkan)) << format.name;
        EXPECT_TRUE(format.drm || format.v4l2) << format.name << " is in no interface that gives pictures";
    }
}

TEST(PixelFormats, AreFoundByEveryCode) {
    for (const PixelFormat& format : pixel_formats()) {
        if (format.drm) {
            EXPECT_EQ(pixel_format_by_drm(format.drm.code), &format) << format.name;
        }
        for (const std::uint32_t code : v4l2_codes(format))
            EXPECT_EQ(pixel_format_by_v4l2(code), &format) << fourcc_name(code);
        if (format.vulkan) {
            const PixelFormat* first = pixel_format_by_vulkan(format.vulkan.code);
            ASSERT_TRUE(first) << format.name;
            EXPECT_LE(first, &format) << "the first row of a VkFormat is what it gives";
            EXPECT_EQ(first->vulkan.code, format.vulkan.code);
        }
    }
    for (const std::uint32_t code : {0u, 1u, UINT32_MAX, fourcc('Z', 'Z', 'Z', 'Z')}) {
        EXPECT_FALSE(pixel_format_by_drm(code));
        EXPECT_FALSE(pixel_format_by_v4l2(code));
        EXPECT_FALSE(pixel_format_by_vulkan(code));
    }
}

TEST(PixelFormats, AreFoundByEveryName) {
    std::map<std::string, const PixelFormat*> seen;
    for (const PixelFormat& format : pixel_formats())
        for (const std::string& name : names(format)) {
            const auto [before, fresh] = seen.emplace(name, &format);
            EXPECT_TRUE(fresh) << name << " is both " << before->second->name << " and " << format.name;
            EXPECT_EQ(pixel_format_by_name(name), &format) << name;
            std::string small = name;
            for (char& letter : small)
                letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
            if (name.find_first_of("abcdefghijklmnopqrstuvwxyz") == name.npos) {
                EXPECT_EQ(pixel_format_by_name(small), &format) << small;
            }
        }
    for (const PixelFormat& format : pixel_formats()) {
        for (const std::uint32_t code : v4l2_codes(format))
            EXPECT_EQ(pixel_format_by_name(fourcc_name(code)), &format) << fourcc_name(code);
        // A code of DRM gives way to one of V4L2 that has the same letters.
        if (format.drm && !pixel_format_by_v4l2(format.drm.code)) {
            EXPECT_EQ(pixel_format_by_name(fourcc_name(format.drm.code)), &format);
        }
    }
    for (const char* none : {"", " ", "YUYV ", "YUYVX", "pgaa", "N", "AYUV32 "})
        EXPECT_FALSE(pixel_format_by_name(none)) << none;
}

TEST(PixelFormats, AreWhatPeopleMeanByTheirNames) {
    const auto v4l2 = [](const char* name) {
        const PixelFormat* format = pixel_format_by_name(name);
        return format ? fourcc_name(format->v4l2.code) : "unknown";
    };
    EXPECT_EQ(v4l2("YUV420"), "YU12");
    EXPECT_EQ(v4l2("i420"), "YU12");
    EXPECT_EQ(v4l2("yu12"), "YU12");
    EXPECT_EQ(v4l2("BGRA"), "AR24");   // bytes, as GStreamer and FFmpeg have it
    EXPECT_EQ(v4l2("bgra32"), "RA24"); // videodev2.h's V4L2_PIX_FMT_BGRA32 is other bytes
    EXPECT_EQ(v4l2("XRGB8888"), "XR24");
    EXPECT_EQ(v4l2("RGB24"), "RGB3");
    EXPECT_EQ(v4l2("RG24"), "BGR3"); // DRM's
    EXPECT_EQ(v4l2("RG16"), "RG16"); // V4L2's, which is not DRM's
    EXPECT_EQ(v4l2("R8"), "GREY");
    EXPECT_EQ(v4l2("mjpeg"), "MJPG");
    EXPECT_EQ(v4l2("pRAA"), "pRAA");
}

TEST(PixelFormats, AreFoundByTheMacrosOfTheKernel) {
    const auto v4l2 = [](const char* name) {
        const PixelFormat* format = pixel_format_by_name(name);
        return format ? fourcc_name(format->v4l2.code) : "unknown";
    };
    const auto drm = [](const char* name) {
        const PixelFormat* format = pixel_format_by_name(name);
        return format ? fourcc_name(format->drm.code) : "unknown";
    };
    EXPECT_EQ(v4l2("V4L2_PIX_FMT_YUYV"), "YUYV");
    EXPECT_EQ(v4l2("v4l2_pix_fmt_yuv420"), "YU12");
    EXPECT_EQ(v4l2("V4L2_PIX_FMT_NV12M"), "NV12");
    EXPECT_EQ(v4l2("V4L2_PIX_FMT_SRGGB10P"), "pRAA");
    EXPECT_EQ(v4l2("V4L2_PIX_FMT_MJPEG"), "MJPG");
    EXPECT_EQ(drm("DRM_FORMAT_NV12"), "NV12");
    EXPECT_EQ(drm("drm_format_xrgb8888"), "XR24");
    EXPECT_EQ(drm("DRM_FORMAT_R16"), "R16");
    // The two headers call other bytes so.
    EXPECT_EQ(drm("DRM_FORMAT_AYUV"), "AYUV");
    EXPECT_EQ(v4l2("DRM_FORMAT_AYUV"), "VUYA");
    EXPECT_EQ(v4l2("V4L2_PIX_FMT_YUV444"), "Y444");
    for (const char* none : {"DRM_FORMAT_YUV444", "DRM_FORMAT_SRGGB8", "V4L2_PIX_FMT_R16", "V4L2_PIX_FMT_",
                             "DRM_FORMAT_", "DRM_FORMAT_V4L2_PIX_FMT_YUYV", "V4L2_PIX_FMTYUYV"})
        EXPECT_FALSE(pixel_format_by_name(none)) << none;
}

// The numbers of a group of pixels lie inside the group's bytes, and no two of them share a bit.
TEST(PixelFormats, HaveEachNumberInAPlaceOfItsOwn) {
    for (const PixelFormat& format : pixel_formats()) {
        SCOPED_TRACE(format.name);
        if (format.kind == PixelKind::compressed) {
            EXPECT_EQ(format.plane_count, 0);
            EXPECT_EQ(format.depth(), 0);
            continue;
        }
        EXPECT_GT(format.depth(), 0);
        std::array<std::set<int>, 3> taken;
        for (std::size_t i = 0; i < 4; ++i) {
            const PixelComponent& component = format.components[i];
            if (component.bits == 0 || format.packing == PixelPacking::mipi)
                continue;
            ASSERT_LT(component.plane, format.plane_count);
            const PixelPlane& plane = format.planes[component.plane];
            const int across = format.is_yuv() && (i == 1 || i == 2) ? format.chroma_columns : 1;
            for (int number = 0; number < plane.columns / across; ++number)
                for (int bit = 0; bit < component.bits; ++bit) {
                    const int at = component.first + number * component.step + bit;
                    EXPECT_LT(at, plane.bytes * 8);
                    EXPECT_TRUE(taken[component.plane].insert(at).second) << at;
                }
        }
        if (format.packing == PixelPacking::mipi) {
            EXPECT_EQ(format.planes[0].columns * format.depth(), format.planes[0].bytes * 8);
        }
        for (std::size_t i = 0; i < format.plane_count; ++i)
            EXPECT_TRUE(format.packing == PixelPacking::mipi || !taken[i].empty());
    }
}

TEST(PixelFormats, OfRawSensorsHaveTwoGreensInEveryFour) {
    for (const PixelFormat& format : pixel_formats())
        if (format.kind == PixelKind::bayer) {
            std::multiset<int> colors(format.mosaic.begin(), format.mosaic.end());
            EXPECT_EQ(colors, (std::multiset<int>{0, 1, 1, 2})) << format.name;
            EXPECT_NE(format.mosaic[0] == 1, format.mosaic[1] == 1) << format.name;
            EXPECT_NE(format.mosaic[0] == 1, format.mosaic[2] == 1) << format.name;
        }
}

} // namespace
} // namespace hwalloc
