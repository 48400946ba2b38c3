// The names of formats that people type, and those that the command shows.
#include <gtest/gtest.h>

#include "tools/capture/format_options.h"

namespace hwalloc::tools {
namespace {

std::string code_of(const char* name) {
    return fourcc_name(parse_format(name));
}

TEST(FormatNames, AreWhatPeopleType) {
    EXPECT_EQ(code_of("YUV420"), "YU12");
    EXPECT_EQ(code_of("yu12"), "YU12");
    EXPECT_EQ(code_of("I420"), "YU12");
    EXPECT_EQ(code_of("BGRA"), "AR24");
    EXPECT_EQ(code_of("RGB24"), "RGB3");
    EXPECT_EQ(code_of("RG24"), "BGR3");
    EXPECT_EQ(code_of("nv12"), "NV12");
    EXPECT_EQ(code_of("mjpeg"), "MJPG");
    EXPECT_EQ(code_of("grey"), "GREY");
    EXPECT_EQ(code_of("y16"), "Y16");
    EXPECT_EQ(code_of("Y16-BE"), "Y16-BE");
    EXPECT_EQ(code_of("SRGGB10P"), "pRAA");
}

// A memory for each plane is another format to a camera.
TEST(FormatNames, TellAMemoryForEachPlane) {
    EXPECT_EQ(code_of("NM12"), "NM12");
    EXPECT_EQ(code_of("nm12"), "NM12");
    EXPECT_EQ(code_of("NV12M"), "NM12");
    EXPECT_EQ(code_of("YUV420M"), "YM12");
    EXPECT_EQ(code_of("YUV444M"), "YM24");
}

TEST(FormatNames, OfOldAreThemselves) {
    EXPECT_EQ(code_of("BGR4"), "BGR4");
    EXPECT_EQ(code_of("RGBO"), "RGBO");
    EXPECT_EQ(code_of("YUV4"), "YUV4");
}

// What only DRM has is for plans without a camera, and what nobody knows is tried as it is.
TEST(FormatNames, NobodyKnowsAreFourCharacters) {
    EXPECT_EQ(code_of("XR30"), "XR30");
    EXPECT_EQ(code_of("YU24"), "YU24");
    EXPECT_EQ(code_of("XRGB2101010"), "XR30");
    EXPECT_EQ(code_of("ip3r"), "ip3r");
    EXPECT_EQ(code_of("Zz"), "Zz");
    EXPECT_EQ(parse_format(""), 0u);
    EXPECT_EQ(parse_format("nothing"), 0u);
}

// Shown and typed again, each code of the table is itself.
TEST(FormatNames, AreUnderstoodAsTheyAreShown) {
    for (const PixelFormat& format : pixel_formats())
        for (const std::uint32_t code :
             {format.v4l2.code, format.v4l2_memory_per_plane, format.v4l2_old[0], format.v4l2_old[1]})
            if (code) {
                EXPECT_EQ(fourcc_name(parse_format(format_name(code))), fourcc_name(code)) << format.name;
                EXPECT_EQ(parse_format(fourcc_name(code)), code) << format.name;
            }
    EXPECT_EQ(format_name(fourcc('R', 'G', 'B', '3')), "RGB24");
    EXPECT_EQ(format_name(fourcc('X', 'R', '2', '4')), "XR24");
    EXPECT_EQ(format_name(fourcc('B', 'G', 'R', '4')), "BGR4");
}

} // namespace
} // namespace hwalloc::tools
