// Images in dumb buffers: the driver says what the pitch is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hwalloc/image.h"
#include "tests/unit/drm_dumb_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

class DrmDumbImages : public DrmDumb {
protected:
    Result<Image> image(std::uint32_t code, std::uint32_t width, std::uint32_t height,
                        std::span<const std::uint64_t> modifiers = {}) {
        return alloc_image(*card(),
                           {.fourcc = code, .width = width, .height = height, .modifiers = modifiers});
    }
    static constexpr std::uint32_t xrgb = fourcc('X', 'R', '2', '4'), rgb = fourcc('R', 'G', '2', '4'),
                                   nv12 = fourcc('N', 'V', '1', '2'), yu12 = fourcc('Y', 'U', '1', '2'),
                                   yuyv = fourcc('Y', 'U', 'Y', 'V');
};

TEST_F(DrmDumbImages, ThePitchIsTheDrivers) {
    fake.cards[0].pitch_mask = 255;
    auto made = image(xrgb, 641, 3);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(fake.asked.back().width, 641u);
    EXPECT_EQ(fake.asked.back().height, 3u);
    EXPECT_EQ(fake.asked.back().bpp, 32u);
    EXPECT_EQ(made->layout.planes[0].stride, 2816u);
    EXPECT_EQ(made->memory->size(), 2816u * 3);
    EXPECT_EQ(made->memory->maxsize(), 3 * page_size()) << "images report their real size";
    EXPECT_EQ(made->layout.modifier, 0u);
    made = image(rgb, 10, 2);
    ASSERT_TRUE(made);
    EXPECT_EQ(fake.asked.back().bpp, 24u);
    made = image(yuyv, 640, 2);
    ASSERT_TRUE(made);
    EXPECT_EQ(fake.asked.back().bpp, 16u);
    EXPECT_EQ(fake.asked.back().width, 640u);
    made = image(yuyv, 641, 2);
    ASSERT_TRUE(made);
    EXPECT_GE(made->layout.planes[0].stride, 1284u);
}

TEST_F(DrmDumbImages, PlanesLieBehindEachOtherAtAnyPitch) {
    for (const std::uint32_t mask : {0u, 7u, 255u})
        for (const std::uint32_t depth : {8u, 32u})
            for (const std::uint32_t code : {nv12, yu12})
                for (const std::uint32_t width : {1u, 33u, 640u, 641u}) {
                    fake.cards[0].pitch_mask = mask;
                    fake.cards[0].depths = {depth};
                    auto made = image(code, width, 5);
                    ASSERT_TRUE(made) << made.error().message();
                    const ImageLayout& layout = made->layout;
                    EXPECT_EQ(layout.planes[0].stride, (fake.asked.back().width * depth / 8 + mask) & ~mask);
                    EXPECT_GE(layout.planes[1].stride, code == nv12 ? (width + 1) / 2 * 2 : (width + 1) / 2);
                    const ImagePlane& last = layout.planes[layout.plane_count - 1];
                    EXPECT_LE(last.offset + last.size, made->memory->size());
                    EXPECT_EQ(made->memory->size(), layout.memory_sizes[0]);
                }
}

TEST_F(DrmDumbImages, WhatACardCannotLayOutIsRefused) {
    const std::uint64_t tiled[] = {0x0100000000000001, 0x0100000000000002};
    auto made = image(xrgb, 8, 8, tiled);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), ErrorKind::unsupported);
    const std::uint64_t either[] = {0x0100000000000001, 0};
    EXPECT_TRUE(image(xrgb, 8, 8, either));
    EXPECT_EQ(image(fourcc('?', '?', '?', '?'), 8, 8).error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(image(xrgb, 0, 8).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(image(xrgb, 0xffffffff, 8).error().kind(), ErrorKind::limit);
    EXPECT_EQ(image(nv12, 65536, 65536).error().kind(), ErrorKind::limit);
    fake.cards[0].depths = {};
    made = image(nv12, 8, 8);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), AllOf(HasSubstr("of 8 bits"), HasSubstr("of 32 bits")));
    EXPECT_EQ(fake.handles(), 0u);
}

} // namespace
} // namespace hwalloc
