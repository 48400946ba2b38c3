// A camera in an event loop, and a camera whose node somebody else opened.
#include <gmock/gmock.h>
#include <sys/mman.h>

#include "tests/unit/fake_camera.h"
#include "tests/unit/kernel_override.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class CameraEventLoop : public CameraTest {
protected:
    // As the kernel has it after open(), for whoever hands it on.
    static UniqueFd opened(int flags = O_RDWR) {
        const int fd = ::memfd_create("fake camera", MFD_CLOEXEC);
        EXPECT_EQ(::fcntl(fd, F_SETFL, flags), 0);
        return UniqueFd(fd);
    }
};

TEST_F(CameraEventLoop, AFrameThatIsThereCostsDequeueAndQueue) {
    auto camera = streaming(3);
    fake.calls = 0;
    for (int i = 0; i < 30; ++i) {
        // The loop's own wait is the third call.
        const auto frame = camera.dequeue(0);
        ASSERT_TRUE(frame) << frame.error().message();
        ASSERT_TRUE(camera.queue(frame->index));
    }
    EXPECT_EQ(fake.calls, 60);
}

TEST_F(CameraEventLoop, TheDescriptorIsTheOpenFileUntilTheCameraIsClosed) {
    auto camera = open();
    const int fd = camera.fd();
    ASSERT_GE(fd, 0);
    EXPECT_TRUE(open_fds().contains(fd));
    auto moved = std::move(camera);
    EXPECT_EQ(moved.fd(), fd);
    EXPECT_EQ(camera.fd(), -1);
    EXPECT_TRUE(moved.close());
    EXPECT_EQ(moved.fd(), -1);
    EXPECT_FALSE(open_fds().contains(fd));
}

TEST_F(CameraEventLoop, WhatTheDescriptorIsReadyForIsToldByDequeue) {
    auto camera = streaming(2);
    fake.always_again = true;
    fake.polls = {0};
    EXPECT_EQ(camera.dequeue(0).error().code(), ETIMEDOUT) << "nothing";
    for (const int events : {POLLERR, POLLERR | POLLIN, POLLHUP}) {
        fake.poll_events = static_cast<short>(events);
        EXPECT_EQ(camera.dequeue(0).error().kind(), ErrorKind::unavailable) << events;
    }
    fake.always_again = false;
    fake.dequeues = {-EPIPE};
    EXPECT_EQ(camera.dequeue(0).error().code(), EPIPE);
}

TEST_F(CameraEventLoop, AnOpenFileIsTakenOver) {
    auto fd = opened();
    const int number = fd.get();
    auto camera = v4l2::Camera::adopt(std::move(fd));
    ASSERT_TRUE(camera) << camera.error().message();
    EXPECT_EQ(camera->fd(), number);
    EXPECT_EQ(camera->info().path, "/dev/video7") << "as the kernel calls the node";
    EXPECT_TRUE(::fcntl(number, F_GETFL) & O_NONBLOCK);
    ASSERT_TRUE(camera->negotiate(yuyv()));
    ASSERT_TRUE(camera->bind(memories(2)));
    ASSERT_TRUE(camera->start());
    EXPECT_TRUE(camera->dequeue(0));
    EXPECT_TRUE(camera->close());
    EXPECT_FALSE(open_fds().contains(number));
}

TEST_F(CameraEventLoop, AnOpenFileThatAnotherCameraHasIsRefused) {
    static int has;
    auto camera = open();
    has = camera.fd();
    kernel.compare_files = [](int, int other) { return other == has ? 0 : 1; };
    auto fd = opened();
    const int number = fd.get();
    const auto error = v4l2::Camera::adopt(std::move(fd)).error();
    EXPECT_EQ(error.kind(), ErrorKind::conflict);
    EXPECT_THAT(error.message(), HasSubstr("/dev/video7"));
    EXPECT_FALSE(open_fds().contains(number)) << "closed on an error";
    EXPECT_TRUE(camera.negotiate(yuyv())) << "and the first goes on";
    // An answer is not needed: without kcmp() files are taken for different ones.
    kernel.compare_files = [](int, int) { return -ENOSYS; };
    EXPECT_TRUE(v4l2::Camera::adopt(opened()));
}

TEST_F(CameraEventLoop, BuffersThatCameWithAnOpenFileAreNotAnotherPrograms) {
    for (const bool own : {true, false}) {
        auto fd = opened();
        fake.reserved = 2;
        fake.kind = V4L2_MEMORY_DMABUF;
        fake.own_made = {static_cast<__u32>(image_bytes)};
        fake.owner = own ? fd.get() : -1;
        auto camera = v4l2::Camera::adopt(std::move(fd));
        ASSERT_TRUE(camera) << camera.error().message();
        const Error error = camera->negotiate(yuyv()).error();
        EXPECT_EQ(error.kind(), ErrorKind::busy);
        EXPECT_THAT(error.message(), HasSubstr(own ? "taken over has buffers reserved" : "another program"));
        EXPECT_EQ(error.message().find("fuser") == std::string::npos, own);
        fake.reserved = 0;
    }
}

TEST_F(CameraEventLoop, WhatIsNoCameraIsNotTakenOver) {
    EXPECT_EQ(v4l2::Camera::adopt(UniqueFd()).error().kind(), ErrorKind::invalid);
    fake.can = V4L2_CAP_VIDEO_OUTPUT;
    EXPECT_EQ(v4l2::Camera::adopt(opened()).error().kind(), ErrorKind::unsupported);
    fake.can = V4L2_CAP_VIDEO_CAPTURE;
    const auto fds = open_fds();
    KernelWatch watch;
    int n = 1;
    for (bool reached = true; reached; ++n) {
        watch.fail_call(n, ENODEV);
        auto camera = v4l2::Camera::adopt(opened());
        reached = watch.reached();
        if (!camera) {
            EXPECT_THAT(camera.error().message(), ::testing::Not(::testing::IsEmpty()));
        }
    }
    EXPECT_GT(n, 4);
    EXPECT_EQ(open_fds(), fds);
}

} // namespace
} // namespace hwalloc
