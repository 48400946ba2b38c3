// Waiting for ever where the driver has fewer buffers than it begins with: nothing would come.
#include <gmock/gmock.h>

#include "hwalloc/v4l2_output.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A driver that tells how many buffers it begins with; 0: it does not.
class CameraWaitTest : public CameraTest {
protected:
    CameraWaitTest() {
        least = 2, asked = 0, wanted = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE;
        fake.more = [](unsigned long request, void* argument) {
            if (request != VIDIOC_G_CTRL || static_cast<v4l2_control*>(argument)->id != wanted)
                return -ENOTTY;
            ++asked;
            static_cast<v4l2_control*>(argument)->value = least;
            return least ? 0 : -EINVAL;
        };
    }
    // A stream that begins with one of two buffers queued.
    v4l2::Camera begun_with_one() {
        auto camera = streaming(2);
        EXPECT_TRUE(camera.dequeue(1000));
        EXPECT_TRUE(camera.stop());
        EXPECT_TRUE(camera.start());
        asked = 0;
        return camera;
    }
    v4l2::Output output() {
        auto opened = v4l2::Output::open("/dev/video7");
        EXPECT_TRUE(opened) << opened.error().message();
        EXPECT_TRUE(opened->negotiate(yuyv()));
        EXPECT_TRUE(opened->bind(memories(3)));
        EXPECT_TRUE(opened->start());
        return std::move(*opened);
    }
    static inline int least = 2, asked = 0;
    static inline std::uint32_t wanted = 0;
};

TEST_F(CameraWaitTest, AWaitForEverWithFewerThanTheDriverBeginsWithIsRefused) {
    auto camera = begun_with_one();
    for (int i = 0; i < 3; ++i) {
        const Error error = camera.dequeue(-1).error();
        EXPECT_EQ(error.kind(), ErrorKind::invalid);
        EXPECT_THAT(error.message(),
                    AllOf(HasSubstr("begins with 2 buffers, and has 1"), HasSubstr("queue() more")));
    }
    EXPECT_EQ(asked, 1) << "once for a stream";
    fake.polls = {0};
    EXPECT_EQ(camera.dequeue(100).error().code(), ETIMEDOUT) << "which ends by itself";
    ASSERT_TRUE(camera.queue(0));
    EXPECT_TRUE(camera.dequeue(-1));
}

TEST_F(CameraWaitTest, AStreamThatHasBegunGoesOnWithFewer) {
    auto camera = streaming(3);
    const int before = fake.calls;
    ASSERT_TRUE(camera.dequeue(-1));
    ASSERT_TRUE(camera.dequeue(-1));
    ASSERT_TRUE(camera.dequeue(-1)) << "one was queued, and the driver has begun";
    EXPECT_EQ(asked, 0);
    EXPECT_EQ(fake.calls, before + 6) << "two calls a frame";
}

TEST_F(CameraWaitTest, WhatADriverDoesNotTellIsWaitedFor) {
    least = 0;
    auto camera = begun_with_one();
    EXPECT_TRUE(camera.dequeue(-1));
    ASSERT_TRUE(camera.close());
    least = 1;
    auto content = begun_with_one();
    EXPECT_TRUE(content.dequeue(-1));
}

TEST_F(CameraWaitTest, AnOutputWithTooFewQueuedIsNotWaitedForEither) {
    fake.can = V4L2_CAP_VIDEO_OUTPUT;
    wanted = V4L2_CID_MIN_BUFFERS_FOR_OUTPUT;
    auto sender = output();
    ASSERT_TRUE(sender.queue(0));
    const Error error = sender.dequeue(-1).error();
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.message(), HasSubstr("begins with 2 buffers, and has 1"));
    ASSERT_TRUE(sender.queue(1));
    EXPECT_TRUE(sender.dequeue(-1));
    EXPECT_TRUE(sender.dequeue(-1)) << "the last ones come back, too";
}

// What a codec tells is what suits it (venus: 4, and begins with one).
TEST_F(CameraWaitTest, ACodecIsWaitedForInAnyCase) {
    fake.can = V4L2_CAP_VIDEO_M2M;
    wanted = V4L2_CID_MIN_BUFFERS_FOR_OUTPUT;
    auto encoder = output();
    ASSERT_TRUE(encoder.queue(0));
    EXPECT_TRUE(encoder.dequeue(-1));
}

} // namespace
} // namespace hwalloc
