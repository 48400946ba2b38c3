// Cameras on a driver that does what a test tells it: what a real one (tests/lab/capture_test.py) cannot be
// made to do at will.
#include <gmock/gmock.h>

#include "common/udev.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(CameraTest, AFrameCostsPollDequeueAndQueue) {
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        fake.all_queued.clear();
        auto camera = ready();
        const auto bound = memories(3);
        ASSERT_TRUE(camera.bind(bound));
        EXPECT_EQ(camera.bound(), 3u);
        ASSERT_TRUE(camera.start());
        fake.calls = 0;
        for (int i = 0; i < 30; ++i) {
            const auto frame = camera.dequeue(1000).value();
            EXPECT_EQ(frame.timestamp_ns, 3'000'004'000);
            EXPECT_TRUE(frame.monotonic);
            EXPECT_FALSE(frame.error);
            EXPECT_EQ(frame.offset, multi_planar ? 30u : 0u);
            EXPECT_EQ(frame.bytes_used, multi_planar ? 70u : 100u);
            ASSERT_TRUE(camera.queue(frame.index));
        }
        EXPECT_EQ(fake.calls, 90);
        for (const auto& [index, fd] : fake.all_queued)
            EXPECT_EQ(fd, borrow_fd(*bound[index], FdKind::dmabuf)->fd);
        EXPECT_THAT(fake.lengths, ::testing::Each(image_bytes))
            << "the length is told, not left to the driver";
        EXPECT_TRUE(camera.close());
        for (const auto& memory : bound)
            EXPECT_EQ(memory->ref_count(), 1u);
    }
}

TEST_F(CameraTest, ANodeBehindAMediaControllerIsListedWithTheProgramThatCanUseIt) {
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        fake.more_capabilities = 0;
        auto plain = v4l2::list_cameras().value();
        ASSERT_FALSE(plain.empty());
        for (const auto& entry : plain)
            EXPECT_FALSE(entry.why) << entry.why->message();
        fake.more_capabilities = V4L2_CAP_IO_MC;
        auto behind = v4l2::list_cameras().value();
        ASSERT_EQ(behind.size(), plain.size());
        for (const auto& entry : behind) {
            ASSERT_TRUE(entry.why) << entry.path;
            EXPECT_EQ(entry.why->kind(), ErrorKind::unsupported);
            EXPECT_THAT(entry.why->message(), AllOf(HasSubstr("libcamera"), HasSubstr(entry.path)));
        }
        // Whoever has set the pipeline up names the node.
        EXPECT_TRUE(v4l2::Camera::open("/dev/video7"));
    }
}

TEST_F(CameraTest, ACameraThatIsReadOnlyByReadIsListedWithTheReason) {
    fake.streams = false;
    const auto listed = v4l2::list_cameras().value();
    ASSERT_EQ(listed.size(), 1u);
    ASSERT_TRUE(listed[0].why);
    EXPECT_EQ(listed[0].why->kind(), ErrorKind::unsupported);
    EXPECT_THAT(listed[0].why->message(), AllOf(HasSubstr("read() only"), HasSubstr("another node")));
    EXPECT_EQ(v4l2::Camera::open("/dev/video7").error().kind(), ErrorKind::unsupported);
    fake.can = V4L2_CAP_META_CAPTURE;
    EXPECT_TRUE(v4l2::list_cameras()->empty()) << "that is no camera";
}

TEST_F(CameraTest, WaitingEndsByAFrameASignalOrTheClock) {
    auto camera = ready();
    ASSERT_TRUE(camera.bind(memories(3)));
    EXPECT_EQ(camera.dequeue(0).error().kind(), ErrorKind::invalid) << "not streaming";
    ASSERT_TRUE(camera.start());
    fake.polls = {-EINTR, 0};
    const auto interrupted = camera.dequeue(1000);
    EXPECT_EQ(interrupted.error().kind(), ErrorKind::busy);
    EXPECT_EQ(interrupted.error().code(), EINTR);
    EXPECT_EQ(camera.dequeue(1000).error().code(), ETIMEDOUT);
    fake.dequeues = {-EAGAIN, 0}; // a wake-up for nothing
    EXPECT_EQ(camera.dequeue(1000).value().index, 0u);
    fake.buffer_flags = V4L2_BUF_FLAG_ERROR;
    const auto damaged = camera.dequeue(1000).value();
    EXPECT_TRUE(damaged.error);
    EXPECT_FALSE(damaged.monotonic);
    fake.dequeues = {-ENODEV};
    EXPECT_EQ(camera.dequeue(1000).error().kind(), ErrorKind::device_lost);
    fake.dequeues = {-EPIPE};
    EXPECT_EQ(camera.dequeue(1000).error().kind(), ErrorKind::unavailable);
}

TEST_F(CameraTest, FramesTheApplicationHoldsStayItsOwnAcrossAStop) {
    auto camera = ready();
    ASSERT_TRUE(camera.bind(memories(3)));
    ASSERT_TRUE(camera.start());
    const auto held = camera.dequeue(1000).value();
    EXPECT_EQ(camera.queue(2).error().kind(), ErrorKind::invalid) << "the driver holds it";
    EXPECT_EQ(camera.queue(99).error().kind(), ErrorKind::invalid);
    ASSERT_TRUE(camera.stop());
    ASSERT_TRUE(camera.start());
    EXPECT_EQ(fake.queued.size(), 2u);
    EXPECT_TRUE(camera.queue(held.index));
    EXPECT_EQ(fake.queued.size(), 3u);
    EXPECT_EQ(camera.queue(held.index).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(camera.start().error().kind(), ErrorKind::invalid);
}

// Every call fails in its turn; nothing may be left over.
TEST_F(CameraTest, AnyCallMayFail) {
    const auto given = memories(2);
    KernelWatch watch;
    bool finished = false;
    for (int n = 1; !finished; ++n) {
        const auto fds = open_fds();
        watch.fail_call(n, ENOMEM);
        {
            auto camera = v4l2::Camera::open("/dev/video7");
            Result<void> done = camera ? Result<void>() : Result<void>(camera.error());
            const auto step = [&](auto result) {
                if (done && !result)
                    done = result.error();
            };
            if (done)
                step(camera->negotiate(yuyv()));
            if (done)
                step(camera->bind(given));
            if (done)
                step(camera->start());
            if (done)
                step(camera->dequeue(1000));
            if (done)
                step(camera->stop());
            if (done)
                step(camera->close());
            finished = !watch.reached();
            if (finished) {
                EXPECT_TRUE(done) << done.error().message();
            } else if (!done) {
                EXPECT_FALSE(done.error().message().empty());
            }
        }
        EXPECT_EQ(open_fds(), fds) << "call " << n << ", " << watch.failed_name;
        for (const auto& memory : given)
            EXPECT_EQ(memory->ref_count(), 1u) << "call " << n << ", " << watch.failed_name;
        fake.reserved = 0; // what closing the file does
    }
}

TEST(CameraNames, NodesAreOrderedByNumber) {
    EXPECT_TRUE(natural_less("/dev/video2", "/dev/video10"));
    EXPECT_FALSE(natural_less("/dev/video10", "/dev/video2"));
    EXPECT_TRUE(natural_less("/dev/video", "/dev/video0"));
    EXPECT_FALSE(natural_less("/dev/video3", "/dev/video3"));
    EXPECT_TRUE(natural_less("/dev/radio9", "/dev/video1"));
}

} // namespace
} // namespace hwalloc
