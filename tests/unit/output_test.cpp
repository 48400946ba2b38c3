// Sending frames: what the driver is told, who has a buffer when, and what is copied.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "backends/v4l2/camera_buffers.h"
#include "hwalloc/v4l2_output.h"
#include "tests/unit/fake_camera.h"
#include "tests/unit/fake_devices.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OutputTest : public ::testing::Test {
protected:
    OutputTest() { fake.can = V4L2_CAP_VIDEO_OUTPUT; }
    v4l2::Output open() {
        auto output = v4l2::Output::open("/dev/video7");
        EXPECT_TRUE(output) << output.error().message();
        return std::move(*output);
    }
    v4l2::Output ready() {
        auto output = open();
        EXPECT_TRUE(output.negotiate(yuyv()));
        return output;
    }
    FakeCamera fake;
};

TEST_F(OutputTest, ItsOpenFileIsTakenOverByNobodyElse) {
    fake.can = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_CAPTURE;
    auto output = open();
    const auto again = v4l2::Output::adopt(UniqueFd(::dup(output.fd())));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind(), ErrorKind::conflict);
    EXPECT_THAT(again.error().message(), HasSubstr("Output"));
    EXPECT_EQ(v4l2::Camera::adopt(UniqueFd(::dup(output.fd()))).error().kind(), ErrorKind::conflict);
    EXPECT_TRUE(output.negotiate(yuyv())) << "and it goes on";
    // One that was taken over is listed as well, and none of them for longer than it is open.
    auto other = v4l2::Output::adopt(UniqueFd(::memfd_create("fake camera", MFD_CLOEXEC)));
    ASSERT_TRUE(other) << other.error().message();
    UniqueFd copy(::dup(other->fd()));
    EXPECT_EQ(v4l2::Output::adopt(UniqueFd(::dup(copy.get()))).error().kind(), ErrorKind::conflict);
    ASSERT_TRUE(other->close());
    EXPECT_TRUE(v4l2::Output::adopt(std::move(copy)));
}

TEST_F(OutputTest, ABusyQueueOfThisProgramsOwnIsCalledSo) {
    auto holds = ready(), wants = open();
    ASSERT_TRUE(holds.bind(memories(2)));
    fake.reqbufs = -EBUSY;
    fake.reserved = 0; // so that the format can be set, as on a device with several queues
    ASSERT_TRUE(wants.negotiate(yuyv()));
    const auto busy = wants.bind(memories(2));
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().kind(), ErrorKind::busy);
    EXPECT_THAT(busy.error().message(), HasSubstr("this program itself"));
    ASSERT_TRUE(holds.unbind());
    EXPECT_THAT(wants.bind(memories(2)).error().message(), HasSubstr("another program"));
}

// Each open file of such a device has queues of its own.
TEST_F(OutputTest, AnotherOpenFileOfAnEncoderKeepsNobodyFromItsQueue) {
    fake.can = V4L2_CAP_VIDEO_M2M;
    auto holds = ready(), wants = open();
    ASSERT_TRUE(holds.bind(memories(2)));
    fake.reserved = 0;
    ASSERT_TRUE(wants.negotiate(yuyv()));
    fake.reqbufs = -EBUSY;
    EXPECT_THAT(wants.bind(memories(2)).error().message(), ::testing::Not(HasSubstr("this program itself")));
    EXPECT_EQ(v4l2::Camera::open("/dev/video7").error().kind(), ErrorKind::unsupported)
        << "of its other queue";
}

TEST_F(OutputTest, ItIsSharedWithNoCamera) {
    fake.can = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_CAPTURE;
    auto output = ready();
    ASSERT_TRUE(output.bind(memories(2)));
    const auto camera = v4l2::Camera::open("/dev/video7");
    ASSERT_TRUE(camera) << camera.error().message();
    EXPECT_NE(camera->fd(), output.fd());
    // Capturing is another queue's affair.
    fake.reqbufs = -EBUSY;
    const auto allocator = v4l2::detail::camera_buffers("/dev/video7");
    EXPECT_THAT(allocator->alloc(1).error().message(), ::testing::Not(HasSubstr("this program itself")));
}

TEST_F(OutputTest, NothingIsSentUntilItIsQueuedAndEachBufferComesBack) {
    for (const bool multi_planar : {false, true})
        for (const bool own : {false, true}) {
            fake.multi_planar = multi_planar;
            auto output = ready();
            if (own) {
                ASSERT_EQ(output.bind_own(2).value(), 2u);
            } else {
                ASSERT_TRUE(output.bind(memories(2)));
                EXPECT_EQ(fake.all_queued.size(), 2u) << "imported";
            }
            EXPECT_TRUE(fake.queued.empty());
            ASSERT_EQ(output.bound(), 2u);
            ASSERT_TRUE(output.memory(1)->map(MapFlags::write)) << "to be filled";
            ASSERT_TRUE(output.start());
            EXPECT_EQ(output.dequeue(0).error().kind(), ErrorKind::invalid) << "nothing was queued";
            fake.used.clear();
            ASSERT_TRUE(output.queue(1));
            ASSERT_TRUE(output.queue(0, 100));
            EXPECT_THAT(fake.used, ElementsAre(image_bytes, 100u));
            EXPECT_EQ(output.queue(0).error().kind(), ErrorKind::invalid) << "the driver has it";
            const int before = fake.calls;
            EXPECT_EQ(output.dequeue(1000)->index, 1u);
            EXPECT_EQ(fake.calls, before + 2);
            EXPECT_EQ(fake.polled, POLLOUT);
            EXPECT_EQ(output.dequeue(0)->index, 0u);
            ASSERT_TRUE(output.queue(0));
            ASSERT_TRUE(output.stop());
            EXPECT_TRUE(fake.queued.empty());
            ASSERT_TRUE(output.queue(0)) << "the application has it again";
            ASSERT_TRUE(output.start());
            EXPECT_EQ(output.dequeue(1000)->index, 0u) << "what was queued before is sent";
            EXPECT_EQ(output.copies(), 0u);
            EXPECT_FALSE(output.copies_frames());
            ASSERT_TRUE(output.unbind());
            EXPECT_EQ(fake.reserved, 0u);
            fake.all_queued.clear();
        }
}

TEST_F(OutputTest, WhatIsMappedOrTooLongIsNotSent) {
    auto output = ready();
    ASSERT_TRUE(output.bind(memories(1)));
    ASSERT_TRUE(output.start());
    {
        const auto mapping = output.memory(0)->map(MapFlags::write);
        ASSERT_TRUE(mapping);
        const Error error = output.queue(0).error();
        EXPECT_EQ(error.kind(), ErrorKind::conflict);
        EXPECT_THAT(error.message(), HasSubstr("the driver would read"));
    }
    EXPECT_EQ(output.queue(0, image_bytes + 1).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(output.queue(1).error().kind(), ErrorKind::invalid) << "there is no such buffer";
    ASSERT_TRUE(output.queue(0));
    fake.polls = {0};
    const Error late = output.dequeue(10).error();
    EXPECT_EQ(late.kind(), ErrorKind::busy);
    EXPECT_EQ(late.code(), ETIMEDOUT);
    EXPECT_THAT(late.message(), HasSubstr("no buffer came back"));
    EXPECT_TRUE(output.dequeue(10));
}

// An output has no sensor, no signal and no input, on USB neither.
TEST_F(OutputTest, RefusalsSpeakOfOutputs) {
    for (const char* bus : {"platform:fake", "usb-0000:00:14.0-1"})
        for (int code = 1; code < 134; ++code) {
            if (code == EINTR)
                continue;
            fake.bus = bus;
            auto output = ready();
            const auto told = [&](const Error& error, const char* call) {
                EXPECT_EQ(error.call(), call);
                EXPECT_FALSE(error.remedy().empty());
                EXPECT_THAT(std::string(error.remedy()),
                            ::testing::Not(::testing::ContainsRegex("[Ss]ensor|signal| input|camera")))
                    << call << " " << code;
            };
            fake.reqbufs = -code;
            told(output.bind(memories(2)).error(), "VIDIOC_REQBUFS");
            fake.reqbufs = 0;
            ASSERT_TRUE(output.bind(memories(2)));
            fake.streamon = -code;
            told(output.start().error(), "VIDIOC_STREAMON");
            fake.streamon = 0;
            ASSERT_TRUE(output.start());
            ASSERT_TRUE(output.queue(0));
            if (code == EAGAIN)
                continue;
            fake.dequeues = {-code};
            told(output.dequeue(0).error(), "VIDIOC_DQBUF");
        }
}

TEST_F(OutputTest, ReadOnlyMemoryIsSent) {
    auto output = ready();
    auto writable = FakeDmaBufs::make(image_bytes);
    const auto memory = import_dmabuf(FakeDmaBufs::reopened(writable, O_RDONLY).get()).value();
    EXPECT_TRUE(output.bind({memory}));
}

TEST_F(OutputTest, WhatCallsAskForIsTold) {
    fake.can = V4L2_CAP_VIDEO_CAPTURE;
    EXPECT_EQ(v4l2::Output::open("/dev/video7").error().kind(), ErrorKind::unsupported) << "a camera";
    EXPECT_EQ(v4l2::Output::open(nullptr).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(v4l2::Output::adopt(UniqueFd()).error().kind(), ErrorKind::invalid);
    fake.can = V4L2_CAP_VIDEO_OUTPUT;
    auto output = open();
    EXPECT_EQ(output.bind(memories(1)).error().kind(), ErrorKind::invalid) << "no format";
    EXPECT_EQ(output.bind_own(1).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(output.start().error().kind(), ErrorKind::invalid);
    EXPECT_EQ(output.stop().error().kind(), ErrorKind::invalid);
    EXPECT_EQ(output.dequeue(0).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(output.list_formats()->size(), 1u);
    EXPECT_EQ(output.info().path, "/dev/video7");
    ASSERT_TRUE(output.close());
    EXPECT_THAT(output.negotiate(yuyv()).error().message(), HasSubstr("output is closed"));
    EXPECT_EQ(output.list_formats().error().kind(), ErrorKind::invalid);
    EXPECT_EQ(output.queue(0).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(output.fd(), -1);
}

// The other half of a loopback camera is an open file of the same node, and has nothing of this one.
TEST_F(OutputTest, TheNodesAllocatorDoesNotUseTheOutputsFile) {
    const int node = ::memfd_create("fake camera", MFD_CLOEXEC);
    auto output = v4l2::Output::adopt(UniqueFd(node)).value();
    EXPECT_EQ(output.fd(), node);
    fake.can = V4L2_CAP_VIDEO_CAPTURE;
    auto camera = v4l2::Camera::open("/dev/video7");
    ASSERT_TRUE(camera) << camera.error().message();
    EXPECT_NE(camera->fd(), output.fd());
}

TEST_F(OutputTest, EveryCallThatFailsLeavesNothing) {
    for (const bool own : {false, true}) {
        auto output = ready();
        const auto given = memories(2);
        (void)output.bind_own(1); // looks for the allocator once
        (void)output.unbind();
        int failures = 0;
        for (int n = 1;; ++n) {
            fake.calls = 0;
            fake.fails_at = n;
            const bool bound = own ? output.bind_own(2).has_value() : output.bind(given).has_value();
            const bool over = fake.calls < n;
            fake.fails_at = 0;
            if (!bound) {
                ++failures;
                EXPECT_EQ(output.bound(), 0u) << n;
                EXPECT_EQ(fake.reserved, 0u) << n;
            }
            EXPECT_TRUE(output.unbind());
            if (over)
                break;
            ASSERT_LT(n, 60);
        }
        EXPECT_GE(failures, 3);
    }
}

// A driver that imports nothing, with buffers that can be mapped: bytes of its open file.
class OutputCopyTest : public OutputTest {
protected:
    static constexpr std::size_t apart = 1u << 16;
    static inline std::uint32_t most = 2;
    static inline int (*rest)(int fd, unsigned long request, void* argument) = nullptr;

    OutputCopyTest() {
        fake.refuses_dma_buf = true;
        fake.create_bufs = fake.expbuf = -ENOTTY;
        fake.capabilities = 0;
        most = 2;
        rest = fake.buffers.other;
        fake.buffers.other = [](int fd, unsigned long request, void* argument) {
            if (request == VIDIOC_REQBUFS) {
                auto& r = *static_cast<v4l2_requestbuffers*>(argument);
                r.count = std::min(r.count, most);
            }
            if (request != VIDIOC_QUERYBUF)
                return rest(fd, request, argument);
            auto& b = *static_cast<v4l2_buffer*>(argument);
            EXPECT_EQ(::ftruncate(fd, static_cast<off_t>(most * apart)), 0);
            b.length = FakeCamera::active->image;
            b.m.offset = static_cast<__u32>(b.index * apart);
            return 0;
        };
    }
    static std::vector<MemoryRef> of_sysmem(std::size_t count) {
        std::vector<MemoryRef> made;
        for (std::size_t i = 0; i < count; ++i)
            made.push_back(Allocator::resolve("sysmem").value()->alloc(image_bytes).value());
        return made;
    }
    static std::vector<std::uint8_t> at_the_driver(const v4l2::Output& output, std::uint32_t index) {
        std::vector<std::uint8_t> bytes(image_bytes);
        EXPECT_EQ(::pread(output.fd(), bytes.data(), bytes.size(), static_cast<off_t>(index * apart)),
                  static_cast<ssize_t>(bytes.size()));
        return bytes;
    }
};

TEST_F(OutputCopyTest, APartOfMemoryThatIsMappedIsNotSent) {
    auto output = ready();
    output.allow_copies(true);
    const auto root = Allocator::resolve("sysmem").value()->alloc(image_bytes).value();
    const auto part = root->share().value();
    ASSERT_TRUE(output.bind({part}));
    ASSERT_TRUE(output.start());
    {
        const auto mapping = root->map(MapFlags::write);
        ASSERT_TRUE(mapping) << mapping.error().message();
        EXPECT_EQ(output.queue(0).error().kind(), ErrorKind::conflict);
    }
    EXPECT_TRUE(output.queue(0));
}

TEST_F(OutputCopyTest, EachFrameIsCopiedIntoTheDriversBufferAndCounted) {
    auto output = ready();
    EXPECT_EQ(output.bind(of_sysmem(2)).error().kind(), ErrorKind::unsupported) << "nobody allowed it";
    EXPECT_THAT(output.bind(memories(2)).error().message(), HasSubstr("Output::allow_copies()"));
    output.allow_copies(true);
    ASSERT_TRUE(output.bind(of_sysmem(2)));
    EXPECT_TRUE(output.copies_frames());
    EXPECT_TRUE(fake.queued.empty()) << "nothing is sent yet";
    ASSERT_TRUE(output.start());
    EXPECT_TRUE(fake.queued.empty());
    for (std::uint8_t value = 1; value <= 5; ++value) {
        const std::uint32_t index = value % 2;
        for (const MapFlags access : {MapFlags::read, MapFlags::readwrite, MapFlags::write}) {
            const auto mapping = output.memory(index)->map(access).value();
            if (access != MapFlags::read)
                std::ranges::fill(mapping.bytes(), value);
            const Error mapped = output.queue(index).error();
            EXPECT_EQ(mapped.kind(), ErrorKind::conflict) << "it is mapped";
            EXPECT_THAT(mapped.message(), HasSubstr("unmap it first"));
        }
        ASSERT_TRUE(output.queue(index));
        EXPECT_THAT(at_the_driver(output, index), Each(value));
        EXPECT_EQ(fake.used.back(), image_bytes);
        EXPECT_EQ(output.copies(), value);
        EXPECT_EQ(output.queue(index).error().kind(), ErrorKind::invalid);
        EXPECT_EQ(output.dequeue(1000)->index, index);
    }
    ASSERT_TRUE(output.queue(0, 10));
    EXPECT_EQ(fake.used.back(), 10u);
    ASSERT_TRUE(output.stop());
    ASSERT_TRUE(output.queue(0)) << "again";
    ASSERT_TRUE(output.unbind());
    EXPECT_EQ(fake.reserved, 0u);
    EXPECT_FALSE(output.copies_frames());
}

TEST_F(OutputCopyTest, AChildOfForkWritesNothingIntoTheParentsBuffers) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "fork holds every lock of the library at once, and ThreadSanitizer bears 63 of them";
#endif
    auto output = ready();
    output.allow_copies(true);
    const auto given = of_sysmem(2);
    std::memset(given[0]->map(MapFlags::write)->data(), 1, image_bytes);
    ASSERT_TRUE(output.bind(given));
    ASSERT_TRUE(output.start());
    ASSERT_TRUE(output.queue(0));
    const pid_t child = ::fork();
    if (child == 0) {
        std::memset(given[1]->map(MapFlags::write)->data(), 2, image_bytes);
        ::_exit(output.queue(1) ? 1 : 0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "refused";
    EXPECT_THAT(at_the_driver(output, 0), Each(1));
    EXPECT_THAT(at_the_driver(output, 1), Each(0));
}

TEST_F(OutputCopyTest, BuffersThatWereNotQueuedAreNoFrames) {
    auto output = ready();
    output.allow_copies(true);
    ASSERT_TRUE(output.bind(of_sysmem(2)));
    ASSERT_TRUE(output.start());
    ASSERT_TRUE(output.queue(1));
    // v4l2loopback's turn.
    fake.queued = {{0, 0}, {5, 0}, {1, 0}};
    EXPECT_EQ(output.dequeue(1000)->index, 1u);
    ASSERT_TRUE(output.queue(1));
    fake.queued = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
    EXPECT_EQ(output.dequeue(1000).error().kind(), ErrorKind::device_lost) << "there is an end";
}

TEST_F(OutputCopyTest, MoreMemoriesThanTheDriverHasBuffersAreRefused) {
    auto output = ready();
    output.allow_copies(true);
    const Error error = output.bind(of_sysmem(3)).error();
    EXPECT_EQ(error.kind(), ErrorKind::limit);
    EXPECT_THAT(error.message(), AllOf(HasSubstr("2 buffers"), HasSubstr("bind no more")));
    EXPECT_EQ(output.bound(), 0u);
    EXPECT_EQ(fake.reserved, 0u);
    EXPECT_TRUE(output.bind(of_sysmem(2)));
}

} // namespace
} // namespace hwalloc
