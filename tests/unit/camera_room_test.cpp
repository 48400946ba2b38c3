// A driver's own buffers on a machine that has not the memory for them: refused, where the kernel would end a
// process.
#include <gmock/gmock.h>

#include "backends/v4l2/camera_buffers.h"
#include "hwalloc/v4l2_output.h"
#include "hwalloc/v4l2_own_buffers.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

class CameraRoomTest : public CameraTest {
protected:
    CameraRoomTest() {
        fake.refuses_dma_buf = true;
        fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
        fake.exporter = "videobuf2_vmalloc";
    }
    // Beside what is left to everybody else.
    void room_for(std::uint64_t bytes) {
        fake.meminfo = "MemTotal: 131072 kB\nMemAvailable: " + std::to_string(16384 + bytes / 1024) + " kB\n";
    }
};

TEST_F(CameraRoomTest, SoManyBuffersAreRefusedBeforeTheDriverIsAsked) {
    auto camera = ready();
    room_for(4 * image_bytes);
    EXPECT_TRUE(v4l2::bind_own(camera, 4));
    ASSERT_TRUE(camera.unbind());
    fake.own_made.clear();
    room_for(4 * image_bytes - 1024);
    const auto bound = v4l2::bind_own(camera, 4);
    ASSERT_FALSE(bound);
    EXPECT_EQ(bound.error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(bound.error().size_wanted(), 4 * image_bytes);
    EXPECT_EQ(bound.error().size_held(), (16384 << 10) + 4 * image_bytes - 1024);
    EXPECT_THAT(bound.error().message(),
                AllOf(HasSubstr("4 buffers of the driver's own"), HasSubstr("fewer or smaller buffers")));
    EXPECT_TRUE(fake.own_made.empty());
    camera.allow_copies(true);
    EXPECT_EQ(camera.reserve(4).error().kind(), ErrorKind::exhausted) << "copies are made of the same";
    EXPECT_TRUE(fake.own_made.empty());
    room_for(32 * image_bytes);
    EXPECT_TRUE(v4l2::bind_own(camera, 1000)) << "of which drivers give 32 at most";
}

TEST_F(CameraRoomTest, AnOutputsOwnLikewise) {
    fake.can = V4L2_CAP_VIDEO_OUTPUT;
    auto output = v4l2::Output::open("/dev/video7").value();
    ASSERT_TRUE(output.negotiate(yuyv()));
    room_for(image_bytes);
    EXPECT_EQ(output.bind_own(2).error().kind(), ErrorKind::exhausted);
    EXPECT_TRUE(output.bind_own(1));
}

TEST_F(CameraRoomTest, TheAllocatorRefusesManySmallPiecesToo) {
    const AllocatorRef buffers = v4l2::detail::camera_buffers("/dev/video7");
    auto camera = ready();
    std::vector<MemoryRef> kept;
    room_for(0);
    for (int i = 0; i < 40; ++i) {
        auto memory = buffers->alloc(1 << 20);
        if (!memory) {
            EXPECT_EQ(memory.error().kind(), ErrorKind::exhausted);
            EXPECT_THAT(memory.error().message(), HasSubstr("not that much memory free"));
            EXPECT_LE(kept.size(), 16u);
            return;
        }
        kept.push_back(*std::move(memory));
    }
    ADD_FAILURE() << "all were given";
}

TEST_F(CameraRoomTest, WhatMustLieTogetherSaysNoByItself) {
    fake.exporter = "videobuf2_dma_contig";
    auto camera = ready();
    ASSERT_TRUE(v4l2::bind_own(camera, 1)) << "its kind is known from here on";
    ASSERT_TRUE(camera.unbind());
    room_for(0); // /proc/meminfo may not count where it comes from
    EXPECT_TRUE(v4l2::bind_own(camera, 4));
}

} // namespace
} // namespace hwalloc
