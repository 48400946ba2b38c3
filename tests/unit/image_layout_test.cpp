// Image layouts by the tables of the kernel's documentation (userspace-api/media/v4l/pixfmt-*.rst).
#include <gtest/gtest.h>

#include "hwalloc/image_layout.h"

namespace hwalloc {
namespace {

TEST(ImageLayout, Nv12HasHalfAsManyRowsOfChroma) {
    const auto layout = linear_layout(fourcc('N', 'V', '1', '2'), 640, 480, 704).value();
    EXPECT_EQ(layout.plane_count, 2u);
    EXPECT_EQ(layout.planes[0], (ImagePlane{0, 0, 704, 704 * 480}));
    EXPECT_EQ(layout.planes[1], (ImagePlane{0, 704 * 480, 704, 704 * 240}));
    EXPECT_EQ(layout.memory_sizes[0], 704u * 720);
}

TEST(ImageLayout, PlanarChromaHasHalfTheStride) {
    const auto layout = linear_layout(fourcc('Y', 'U', '1', '2'), 640, 480, 704).value();
    EXPECT_EQ(layout.planes[1], (ImagePlane{0, 704 * 480, 352, 352 * 240}));
    EXPECT_EQ(layout.planes[2], (ImagePlane{0, 704 * 480 + 352 * 240, 352, 352 * 240}));
    const auto full = linear_layout(fourcc('N', 'V', '2', '4'), 640, 480).value();
    EXPECT_EQ(full.planes[1], (ImagePlane{0, 640 * 480, 1280, 1280 * 480}));
}

TEST(ImageLayout, OddSizesRoundUpWhereChromaIsShared) {
    EXPECT_EQ(linear_layout(fourcc('Y', 'U', 'Y', 'V'), 3, 3).value().planes[0].stride, 8u);
    const auto nv12 = linear_layout(fourcc('N', 'V', '1', '2'), 3, 3).value();
    EXPECT_EQ(nv12.planes[0], (ImagePlane{0, 0, 3, 9}));
    EXPECT_EQ(nv12.planes[1], (ImagePlane{0, 9, 4, 8}));
}

TEST(ImageLayout, RefusesWhatCannotBe) {
    EXPECT_EQ(linear_layout(fourcc('M', 'J', 'P', 'G'), 8, 8).error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(linear_layout(fourcc('X', 'R', '2', '4'), 0, 8).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(linear_layout(fourcc('X', 'R', '2', '4'), 8, 8, 31).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(linear_layout(fourcc('X', 'R', '2', '4'), UINT32_MAX, 8).error().kind(), ErrorKind::limit);
    // The largest there is still fits in 64 bits.
    EXPECT_TRUE(linear_layout(fourcc('R', '8', ' ', ' '), UINT32_MAX, UINT32_MAX));
}

TEST(ImageLayout, ComparesByValue) {
    auto a = linear_layout(fourcc('X', 'R', '2', '4'), 64, 64).value();
    auto b = a;
    EXPECT_EQ(a, b);
    b.planes[0].stride = 512;
    EXPECT_NE(a, b);
}

TEST(ImageLayout, NamesCodesAsPeopleWriteThem) {
    EXPECT_EQ(fourcc_name(fourcc('Y', 'U', 'Y', 'V')), "YUYV");
    EXPECT_EQ(fourcc_name(fourcc('R', '8', ' ', ' ')), "R8");
    EXPECT_EQ(fourcc_name(fourcc('Y', '1', '6', ' ') | 1u << 31), "Y16-BE");
    EXPECT_EQ(fourcc_name(1), "????");
    EXPECT_EQ(fourcc_name(0), "none");
}

} // namespace
} // namespace hwalloc
