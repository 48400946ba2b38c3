// Pixel formats, a picture that anybody knows, and what EGL hears of one, through the C interface: the same
// as in C++.
#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "hwalloc/egl.h"
#include "hwalloc/hwalloc.h"
#include "hwalloc/pixel_format.h"
#include "hwalloc/test_pattern.h"
#include "tests/unit/c_error.h"

namespace hwalloc {
namespace {

class CPictures : public testing::CError {};

hwalloc_image_layout layout_in_c(uint32_t code, uint32_t width, uint32_t height) {
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    EXPECT_EQ(hwalloc_linear_layout(code, width, height, 0, &layout, nullptr), 0);
    return layout;
}

TEST_F(CPictures, KnowsWhatIsKnownOfEachPixelFormat) {
    ASSERT_EQ(hwalloc_pixel_formats(), pixel_formats().size());
    for (size_t i = 0; i < pixel_formats().size(); ++i) {
        const PixelFormat& format = pixel_formats()[i];
        SCOPED_TRACE(format.name);
        hwalloc_pixel_format_info info{}, named{};
        info.struct_size = named.struct_size = sizeof info;
        ASSERT_EQ(hwalloc_pixel_format_at(i, &info, place()), 0);
        ASSERT_EQ(hwalloc_pixel_format_named(format.name, &named, place()), 0);
        EXPECT_EQ(std::memcmp(&info, &named, sizeof info), 0);
        EXPECT_EQ(info.drm, format.drm.code);
        EXPECT_EQ(info.drm == 0, info.why_no_drm != nullptr);
        EXPECT_EQ(info.v4l2, format.v4l2.code);
        EXPECT_EQ(info.vulkan, format.vulkan.code);
        EXPECT_EQ(info.plane_count, format.plane_count);
        EXPECT_EQ(info.planes[1].rows, format.planes[1].rows);
        EXPECT_EQ(info.components[2].first, format.components[2].first);
        EXPECT_EQ(info.components[0].bits, format.depth());
        EXPECT_EQ(info.kind == HWALLOC_PIXEL_YUV || info.kind == HWALLOC_PIXEL_GREY, format.is_yuv());
        EXPECT_EQ(info.mosaic[3], format.mosaic[3]);
        if (format.vulkan) {
            EXPECT_STREQ(hwalloc_vulkan_format_name(format.vulkan.code),
                         pixel_format_by_vulkan(format.vulkan.code)->name);
        }
    }
    hwalloc_pixel_format_info info{};
    info.struct_size = sizeof info;
    EXPECT_EQ(hwalloc_pixel_format_at(hwalloc_pixel_formats(), &info, place()), -EINVAL);
    EXPECT_EQ(hwalloc_pixel_format_named("none such", &info, place()), -EINVAL);
    EXPECT_EQ(hwalloc_pixel_format_named(nullptr, &info, place()), -EINVAL);
    EXPECT_EQ(hwalloc_pixel_format_at(0, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_vulkan_format_name(0xffffffff), nullptr);
    EXPECT_EQ(hwalloc_v4l2_of_drm_format(fourcc('X', 'R', '2', '4')), fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(hwalloc_drm_of_v4l2_format(fourcc('Y', 'U', 'Y', 'V')), fourcc('Y', 'U', 'Y', 'V'));
    EXPECT_EQ(hwalloc_drm_of_v4l2_format(fourcc('M', 'J', 'P', 'G')), 0u);
}

TEST_F(CPictures, SaysFourLettersWithinThePlaceThereIs) {
    char text[8] = "xxxxxxx";
    EXPECT_EQ(hwalloc_fourcc_name(fourcc('N', 'V', '1', '2'), text, sizeof text), 4u);
    EXPECT_STREQ(text, "NV12");
    EXPECT_EQ(hwalloc_fourcc_name(fourcc('N', 'V', '1', '2'), text, 3), 4u);
    EXPECT_STREQ(text, "NV");
    EXPECT_EQ(hwalloc_fourcc_name(0, nullptr, 0), 4u) << "none";
}

TEST_F(CPictures, DrawsTheBarsOfCpp) {
    auto layout = layout_in_c(fourcc('X', 'R', '2', '4'), 64, 16);
    layout.range = HWALLOC_RANGE_FULL;
    hwalloc_test_pattern* pattern = nullptr;
    ASSERT_EQ(hwalloc_test_pattern_new(&layout, &pattern, place()), 0) << hwalloc_error_message(error);
    std::vector<uint8_t> ours(64 * 16 * 4), theirs(ours.size());
    ASSERT_EQ(hwalloc_test_pattern_draw_bytes(pattern, ours.data(), ours.size(), 3, place()), 0);
    auto of = linear_layout(fourcc('X', 'R', '2', '4'), 64, 16).value();
    of.range = ColorRange::full;
    const auto made = TestPattern::make(of);
    ASSERT_TRUE(made.value().draw(std::span(theirs), 3));
    EXPECT_EQ(ours, theirs);
    uint32_t pixel = 0;
    std::memcpy(&pixel, &ours[4 * 20], sizeof pixel);
    EXPECT_EQ(pixel & 0xffffff, hwalloc_test_pattern_color(pattern, 20, 3));
    EXPECT_EQ(hwalloc_test_pattern_draw_bytes(pattern, ours.data(), 100, 0, place()), -EXDEV);
    hwalloc_memory* memory = nullptr;
    ASSERT_EQ(hwalloc_alloc(nullptr, ours.size(), nullptr, &memory, place()), 0);
    ASSERT_EQ(hwalloc_test_pattern_draw(pattern, memory, 3, place()), 0) << hwalloc_error_message(error);
    hwalloc_map_info map{};
    map.struct_size = sizeof map;
    ASSERT_EQ(hwalloc_memory_map(memory, &map, HWALLOC_MAP_READ, place()), 0);
    EXPECT_EQ(std::memcmp(map.data, theirs.data(), theirs.size()), 0);
    EXPECT_EQ(hwalloc_memory_unmap(memory, &map, place()), 0);
    hwalloc_memory_unref(memory);
    hwalloc_test_pattern_free(pattern);

    layout = layout_in_c(fourcc('Y', 'U', 'Y', 'V'), 64, 16); // no matrix
    EXPECT_EQ(hwalloc_test_pattern_new(&layout, &pattern, place()), -EOPNOTSUPP);
    EXPECT_EQ(hwalloc_test_pattern_new(nullptr, &pattern, place()), -EINVAL);
    EXPECT_EQ(hwalloc_test_pattern_new(&layout, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_test_pattern_draw(nullptr, nullptr, 0, place()), -EINVAL);
    EXPECT_EQ(hwalloc_test_pattern_color(nullptr, 0, 0), 0u);
    hwalloc_test_pattern_free(nullptr);
}

TEST_F(CPictures, EglHearsWhatCppTellsIt) {
    const auto layout = layout_in_c(fourcc('N', 'V', '1', '2'), 640, 480);
    const int fd = 7;
    hwalloc_egl_attributes told{};
    told.struct_size = sizeof told;
    ASSERT_EQ(hwalloc_egl_attributes_of_fds(&layout, &fd, 1, HWALLOC_EGL_TELL_MODIFIERS, &told, place()), 0);
    const auto list =
        egl_image_attributes(linear_layout(fourcc('N', 'V', '1', '2'), 640, 480).value(), {&fd, 1}).value();
    EXPECT_EQ(std::vector(told.values, told.values + told.count),
              std::vector(list.data(), list.data() + list.size()));
    EXPECT_EQ(hwalloc_egl_attributes_of_fds(&layout, nullptr, 0, 0, &told, place()), -EINVAL);
    EXPECT_EQ(hwalloc_egl_attributes_of_fds(&layout, nullptr, 1, 0, &told, place()), -EINVAL);
    EXPECT_EQ(hwalloc_egl_attributes_of_fds(&layout, &fd, 1, 2, &told, place()), -EINVAL);
    auto tiled = layout;
    tiled.modifier = 1;
    EXPECT_EQ(hwalloc_egl_attributes_of_fds(&tiled, &fd, 1, HWALLOC_EGL_OMIT_MODIFIERS, &told, place()),
              -EOPNOTSUPP);
    hwalloc_memory* memory = nullptr; // without a dma-buf
    ASSERT_EQ(hwalloc_alloc(nullptr, 640 * 480 * 2, nullptr, &memory, place()), 0);
    EXPECT_EQ(hwalloc_egl_attributes_of_memory(memory, &layout, 0, &told, place()), -EOPNOTSUPP);
    EXPECT_EQ(hwalloc_egl_attributes_of_memory(nullptr, &layout, 0, &told, place()), -EINVAL);
    hwalloc_memory_unref(memory);
}

} // namespace
} // namespace hwalloc
