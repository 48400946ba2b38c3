// Waiting for frames of vivid: for those that cannot come, and at a queue that is broken.
#include <gmock/gmock.h>
#include <linux/videodev2.h>

#include <cerrno>
#include <cstdlib>

#include "hwalloc/v4l2.h"
#include "tests/device/device.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class V4l2StreamDevice : public ::testing::Test {
protected:
    void SetUp() override {
        NEEDS_DEVICE("/dev/dma_heap/system");
        NEEDS_DEVICE(camera_node);
        auto opened = v4l2::Camera::open(camera_node);
        ASSERT_TRUE(opened) << opened.error().message();
        camera.emplace(std::move(*opened));
        const auto format =
            camera->negotiate({.pixel_format = V4L2_PIX_FMT_YUYV, .width = 320, .height = 180});
        ASSERT_TRUE(format) << format.error().message();
        const auto count = camera->reserve(2);
        ASSERT_TRUE(count) << count.error().message();
        for (std::uint32_t i = 0; i < *count; ++i)
            memories.push_back(allocator("dma-heap/system")->alloc(format->layout.memory_sizes[0]).value());
        ASSERT_TRUE(camera->bind(memories));
        ASSERT_TRUE(camera->start());
    }
    // All that the driver has; what they are in is the application's then.
    std::vector<v4l2::Frame> dequeue_all() {
        std::vector<v4l2::Frame> frames;
        for (std::uint32_t i = 0; i < camera->bound(); ++i) {
            auto frame = camera->dequeue(10'000);
            EXPECT_TRUE(frame) << frame.error().message();
            if (frame)
                frames.push_back(*frame);
        }
        return frames;
    }
    std::optional<v4l2::Camera> camera;
    std::vector<MemoryRef> memories;
};

TEST_F(V4l2StreamDevice, FramesHeldAcrossAStopAreNotWaitedFor) {
    const auto held = dequeue_all();
    ASSERT_TRUE(camera->stop());
    ASSERT_TRUE(camera->start());
    for (const int timeout_ms : {1000, -1})
        EXPECT_EQ(camera->dequeue(timeout_ms).error().kind(), ErrorKind::invalid);
    // One may be less than the driver needs to begin.
    ASSERT_TRUE(camera->queue(held[0].index));
    auto frame = camera->dequeue(500);
    if (!frame) {
        EXPECT_EQ(frame.error().code(), ETIMEDOUT) << frame.error().message();
        EXPECT_THAT(frame.error().message(), HasSubstr("the application holds buffers"));
    }
    for (std::size_t i = 1; i < held.size(); ++i)
        ASSERT_TRUE(camera->queue(held[i].index));
    EXPECT_TRUE(camera->dequeue(10'000)) << "with all of them it goes on";
}

TEST_F(V4l2StreamDevice, ABrokenQueueEndsAWaitAndWorksAgainAfterAStop) {
    ASSERT_TRUE(camera->dequeue(10'000));
    if (std::system("v4l2-ctl -d /dev/video0 -c inject_fatal_streaming_error=1") != 0) {
        ASSERT_FALSE(in_lab()) << "the lab's camera can be broken";
        GTEST_SKIP() << "this camera cannot be broken";
    }
    // Frames that were taken before may come first.
    auto frame = camera->dequeue(-1);
    for (std::uint32_t i = 0; frame && i < camera->bound(); ++i)
        frame = camera->dequeue(-1);
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.error().kind(), ErrorKind::device_lost) << frame.error().message();
    EXPECT_EQ(frame.error().code(), EIO);
    EXPECT_THAT(frame.error().message(), HasSubstr("stop() and start() again"));
    ASSERT_TRUE(camera->stop());
    ASSERT_TRUE(camera->start());
    EXPECT_TRUE(camera->dequeue(10'000));
}

} // namespace
} // namespace hwalloc
