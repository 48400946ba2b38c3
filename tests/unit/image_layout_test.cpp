// Image layouts by the tables of the kernel's documentation (userspace-api/media/v4l/pixfmt-*.rst).
#include <gtest/gtest.h>

#include "hwalloc/image.h"

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

TEST(ImageLayout, TenBitsAndMoreHaveTwoBytesEach) {
    for (const char* name : {"P010", "P012", "P016"}) {
        const auto layout = linear_layout(fourcc(name[0], name[1], name[2], name[3]), 641, 481).value();
        EXPECT_EQ(layout.planes[0], (ImagePlane{0, 0, 1282, 1282 * 481})) << name;
        EXPECT_EQ(layout.planes[1], (ImagePlane{0, 1282 * 481, 1284, 1284 * 241})) << name;
    }
    const auto p210 = linear_layout(fourcc('P', '2', '1', '0'), 640, 480).value();
    EXPECT_EQ(p210.planes[1], (ImagePlane{0, 1280 * 480, 1280, 1280 * 480}));
    const auto y210 = linear_layout(fourcc('Y', '2', '1', '0'), 3, 3).value();
    EXPECT_EQ(y210.planes[0], (ImagePlane{0, 0, 16, 48}));
    // Four numbers in five bytes.
    const auto nv15 = linear_layout(fourcc('N', 'V', '1', '5'), 640, 480, 1024).value();
    EXPECT_EQ(nv15.planes[1], (ImagePlane{0, 1024 * 480, 1024, 1024 * 240}));
    EXPECT_EQ(linear_layout(fourcc('N', 'V', '1', '5'), 641, 480).value().planes[0].stride, 805u);
}

TEST(ImageLayout, RawSensorDataHasOneThoughDrmHasNoNameForIt) {
    const auto packed = linear_layout(*pixel_format_by_name("pRAA"), 641, 3).value();
    EXPECT_EQ(packed.fourcc, 0u);
    EXPECT_EQ(packed.planes[0], (ImagePlane{0, 0, 805, 805 * 3}));
    EXPECT_EQ(linear_layout(*pixel_format_by_name("SRGGB12P"), 641, 3).value().planes[0].stride, 963u);
    EXPECT_EQ(linear_layout(*pixel_format_by_name("SRGGB16"), 641, 3, 2048).value().planes[0].size, 6144u);
    EXPECT_EQ(linear_layout(*pixel_format_by_name("MJPG"), 8, 8).error().kind(), ErrorKind::unsupported);
}

TEST(ImageLayout, TakesItsOwnStrideForEveryFormatAndSize) {
    for (const PixelFormat& format : pixel_formats()) {
        if (format.kind == PixelKind::compressed)
            continue;
        const char* name = format.name;
        for (const std::uint32_t width : {1u, 2u, 3u, 5u, 63u, 64u, 641u, 1919u, 1920u})
            for (const std::uint32_t height : {1u, 2u, 3u, 479u, 480u}) {
                const auto least = linear_layout(format, width, height);
                ASSERT_TRUE(least) << name << width;
                const std::uint32_t stride = least->planes[0].stride;
                const auto again = linear_layout(format, width, height, stride);
                ASSERT_TRUE(again) << name << " " << width << "x" << height << " at its own " << stride;
                EXPECT_EQ(*again, *least) << name << " " << width << "x" << height;
                const auto wider = linear_layout(format, width, height, stride + 1);
                ASSERT_TRUE(wider) << name << " " << width << "x" << height << " at " << stride + 1;
                for (std::uint32_t i = 0; i < least->plane_count; ++i)
                    EXPECT_GE(wider->planes[i].stride, least->planes[i].stride) << name << " plane " << i;
                EXPECT_EQ(linear_layout(format, width, height, stride - 1).has_value(), stride == 1)
                    << name << " " << width; // 0 asks for the smallest
                if (format.drm) {
                    EXPECT_EQ(*linear_layout(format.drm.code, width, height), *least) << name;
                }
            }
    }
}

TEST(ImageLayout, PlanesCanHaveAMemoryEach) {
    for (const PixelFormat& format : pixel_formats()) {
        if (format.kind == PixelKind::compressed)
            continue;
        const auto together = linear_layout(format, 35, 19).value();
        auto apart = with_memory_per_plane(together);
        EXPECT_EQ(apart.memory_count, together.plane_count) << format.name;
        for (std::uint32_t i = 0; i < apart.plane_count; ++i) {
            EXPECT_EQ(apart.planes[i],
                      (ImagePlane{i, 0, together.planes[i].stride, together.planes[i].size}));
            EXPECT_EQ(apart.memory_sizes[i], together.planes[i].size);
        }
        EXPECT_EQ(apart == together, together.plane_count == 1) << format.name;
    }
}

TEST(ImageLayout, MemoryIsMadeForEachThatALayoutHas) {
    Allocator& sysmem = *Allocator::resolve("sysmem").value();
    const auto layout = with_memory_per_plane(linear_layout(fourcc('Y', 'U', '1', '2'), 64, 48).value());
    const auto image = alloc_layout(sysmem, layout);
    ASSERT_TRUE(image) << image.error().message();
    EXPECT_EQ(image->layout, layout);
    for (std::uint32_t i = 0; i < 3; ++i)
        EXPECT_EQ(image->memory_at(i)->size(), layout.memory_sizes[i]);
    EXPECT_FALSE(image->more_memories[2]);
    for (const std::uint32_t count : {0u, 5u})
        EXPECT_EQ(alloc_layout(sysmem, {.memory_count = count}).error().kind(), ErrorKind::invalid);
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
