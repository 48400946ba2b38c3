// The test pattern's refusals; what it draws is looked at in tests/tools/image_test.cpp.
#include "hwalloc/test_pattern.h"

#include <gtest/gtest.h>

#include "hwalloc/allocator.h"
#include "hwalloc/memory.h"

namespace hwalloc {
namespace {

ImageLayout layout_of(const char* name, std::uint32_t width = 64, std::uint32_t height = 48) {
    ImageLayout layout = linear_layout(fourcc(name[0], name[1], name[2], name[3]), width, height).value();
    layout.matrix = ColorMatrix::bt601;
    return layout;
}

TEST(TestPattern, RefusesWhatItCannotDraw) {
    EXPECT_EQ(TestPattern::make(layout_of("NV15")).error().kind(), ErrorKind::unsupported);
    ImageLayout layout = layout_of("YUYV");
    layout.matrix = ColorMatrix::unspecified;
    EXPECT_EQ(TestPattern::make(layout).error().kind(), ErrorKind::unsupported);
    layout = layout_of("XR24");
    layout.modifier = 1;
    EXPECT_EQ(TestPattern::make(layout).error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(TestPattern::make(ImageLayout{}).error().kind(), ErrorKind::unsupported);
}

TEST(TestPattern, NeverDrawsOutsideTheMemory) {
    for (const char* name : {"YUYV", "UYVY", "NV12", "BG24", "R8  ", "XR24", "AR24"})
        for (const std::uint32_t width : {1u, 2u, 63u, 64u}) {
            const ImageLayout layout = layout_of(name, width, 3);
            const auto size = static_cast<std::size_t>(layout.memory_sizes[0]);
            const auto pattern = TestPattern::make(layout).value();
            std::vector<std::uint8_t> bytes(size + 16, 0xa5);
            ASSERT_TRUE(pattern.draw(std::span(bytes).first(size), 7));
            for (std::size_t i = size; i < bytes.size(); ++i)
                EXPECT_EQ(bytes[i], 0xa5) << name << " " << width;
            EXPECT_EQ(pattern.draw(std::span(bytes).first(size - 1), 7).error().kind(),
                      ErrorKind::incompatible);

            ImageLayout wrong = layout;
            wrong.planes[0].stride = 0;
            EXPECT_FALSE(TestPattern::make(wrong)) << name << " " << width;
            wrong = layout;
            wrong.planes[layout.plane_count - 1].offset = UINT64_MAX;
            EXPECT_FALSE(TestPattern::make(wrong)) << name << " " << width;
            wrong = layout;
            wrong.height += 1000;
            EXPECT_FALSE(TestPattern::make(wrong)) << name << " " << width;
        }
}

TEST(TestPattern, TellsTheRefusalsOfTheMemory) {
    const auto pattern = TestPattern::make(layout_of("XR24")).value();
    auto small = Allocator::find("sysmem")->alloc(64);
    EXPECT_EQ(pattern.draw(**small, 0).error().kind(), ErrorKind::incompatible);
    auto read = (*small)->map(MapFlags::read);
    ASSERT_TRUE(read);
    EXPECT_EQ(pattern.draw(**small, 0).error().kind(), ErrorKind::conflict);
}

} // namespace
} // namespace hwalloc
