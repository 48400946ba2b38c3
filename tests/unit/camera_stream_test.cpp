// Waiting for frames and giving buffers back, where the driver, or the application, does not play along.
#include <gmock/gmock.h>

#include <optional>
#include <utility>

#include "hwalloc/participant.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using CameraStreamTest = CameraTest;

// What the driver writes by the CPU lies between two calls of the exporter's, where a device may not see the
// caches.
TEST_F(CameraStreamTest, WhatTheCpuFillsIsBracketedWhereDevicesMayNotSeeItsCaches) {
    constexpr std::uint64_t begin = DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE,
                            end = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE;
    constexpr bool needed = devices_see_cpu_caches != Answer::yes;
    using Flags = std::vector<std::uint64_t>;
    const auto made = [&](Flags flags) {
        EXPECT_EQ(fake.buffers.syncs, needed ? flags : Flags());
        fake.buffers.syncs.clear();
    };
    fake.pixel_format = V4L2_PIX_FMT_YUYV, fake.width = 64, fake.height = 48, fake.stride = 128;
    for (const char* exporter : {"videobuf2_vmalloc", "videobuf2_dma_contig"}) {
        const bool by_cpu = std::string_view(exporter) == "videobuf2_vmalloc";
        const auto expect = [&](Flags flags) { made(by_cpu ? std::move(flags) : Flags()); };
        fake.exporter = exporter;
        auto camera = streaming(2);
        expect({begin, begin});
        const auto frame = camera.dequeue(1000);
        ASSERT_TRUE(frame);
        expect({end});
        ASSERT_TRUE(camera.queue(frame->index));
        expect({begin});
        ASSERT_TRUE(camera.dequeue(1000));
        ASSERT_TRUE(camera.stop());
        expect({end, end});
        ASSERT_TRUE(camera.unbind());
        expect({});
        // One that is refused is begun for nothing.
        fake.qbuf = [](int, std::uint32_t index) { return index == 1 ? -ENOMEM : 0; };
        EXPECT_FALSE(camera.bind(memories(2)));
        expect({begin, begin, end, end});
        fake.qbuf = nullptr;
    }
}

TEST_F(CameraStreamTest, AnExporterThatRefusesTheCpuIsToldAsSuch) {
    fake.exporter = "videobuf2_vmalloc";
    auto camera = ready();
    fake.buffers.sync_results = {-EIO};
    const auto bound = camera.bind(memories(1));
    EXPECT_EQ(bool(bound), devices_see_cpu_caches == Answer::yes)
        << "no such call is made on that architecture";
    if (!bound) {
        EXPECT_THAT(bound.error().message(), HasSubstr("DMA_BUF_IOCTL_SYNC"));
        EXPECT_EQ(fake.reserved, 0u);
    }
}

TEST_F(CameraStreamTest, WithAllBuffersHeldADequeueIsRefusedAtOnce) {
    for (const int timeout_ms : {-1, 0, 1000}) {
        auto camera = streaming(3);
        for (int i = 0; i < 3; ++i)
            ASSERT_TRUE(camera.dequeue(1000));
        fake.calls = 0;
        const auto held = camera.dequeue(timeout_ms).error();
        EXPECT_EQ(held.kind(), ErrorKind::invalid);
        EXPECT_THAT(held.message(),
                    AllOf(HasSubstr("the application holds all 3 buffers"), HasSubstr("queue() one")));
        EXPECT_EQ(fake.calls, 0) << "the driver is not asked";
        ASSERT_TRUE(camera.queue(1));
        EXPECT_TRUE(camera.dequeue(timeout_ms));
    }
}

TEST_F(CameraStreamTest, FramesHeldAcrossAStopLeaveNothingToWaitFor) {
    auto camera = streaming(2);
    ASSERT_TRUE(camera.dequeue(1000));
    ASSERT_TRUE(camera.dequeue(1000));
    ASSERT_TRUE(camera.stop());
    ASSERT_TRUE(camera.start());
    // What videobuf2 says of a queue that nothing was queued to.
    fake.poll_events = POLLERR;
    fake.always_again = true;
    EXPECT_EQ(camera.dequeue(1000).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(camera.dequeue(-1).error().kind(), ErrorKind::invalid);
}

TEST_F(CameraStreamTest, AnErrorConditionEndsTheWaitAtOnce) {
    auto camera = streaming(2);
    fake.always_again = true;
    for (const int events : {POLLERR, POLLERR | POLLIN, POLLHUP, POLLNVAL})
        for (const int timeout_ms : {-1, 0, 1000}) {
            fake.poll_events = static_cast<short>(events);
            fake.calls = 0;
            const auto error = camera.dequeue(timeout_ms).error();
            EXPECT_EQ(error.kind(), ErrorKind::unavailable);
            EXPECT_EQ(error.call(), "poll");
            EXPECT_EQ(fake.calls, 2) << "poll and DQBUF, once each";
        }
}

TEST_F(CameraStreamTest, WakeUpsForNothingEndAtTheDeadlineAndDoNotSpin) {
    auto camera = streaming(2);
    fake.always_again = true;
    fake.calls = 0;
    const auto late = camera.dequeue(1000).error();
    EXPECT_EQ(late.code(), ETIMEDOUT);
    EXPECT_EQ(fake.now_ns, 1'000'000'000) << "neither sooner nor later";
    EXPECT_LT(fake.calls, 400) << "it sleeps in between";
    fake.calls = 0;
    EXPECT_EQ(camera.dequeue(0).error().code(), ETIMEDOUT);
    EXPECT_EQ(fake.calls, 2);
    fake.always_again = false;
    fake.dequeues = {-EAGAIN, -EAGAIN, -EAGAIN};
    EXPECT_TRUE(camera.dequeue(-1)) << "for ever, and the frame comes";
}

TEST_F(CameraStreamTest, AWaitIsNotLongerForAWakeUpInIt) {
    auto camera = streaming(2);
    fake.dequeues = {-EAGAIN};
    fake.polls = {1, 0};
    fake.ready_after_ns = 300'000'000;
    EXPECT_EQ(camera.dequeue(500).error().code(), ETIMEDOUT);
    EXPECT_EQ(fake.now_ns, 500'000'000);
}

TEST_F(CameraStreamTest, ASignalEndsTheWaitWhereverItComes) {
    auto camera = streaming(2);
    fake.polls = {-EINTR};
    EXPECT_EQ(camera.dequeue(-1).error().code(), EINTR);
    fake.dequeues = {-EINTR}; // while it waits for the lock of the queue
    fake.calls = 0;
    const auto error = camera.dequeue(-1).error();
    EXPECT_EQ(error.kind(), ErrorKind::busy);
    EXPECT_EQ(error.code(), EINTR);
    EXPECT_EQ(fake.calls, 2);
    EXPECT_TRUE(camera.dequeue(-1));
}

TEST_F(CameraStreamTest, AFrameThatDoesNotComeIsToldWithWhatMayBeMissing) {
    auto camera = streaming(2);
    fake.polls = {0, 1, 0};
    EXPECT_EQ(camera.dequeue(100).error().message().find("holds"), std::string::npos);
    ASSERT_TRUE(camera.dequeue(100));
    const auto error = camera.dequeue(100).error();
    EXPECT_EQ(error.code(), ETIMEDOUT);
    EXPECT_THAT(error.message(), HasSubstr("the application holds buffers"));
}

TEST_F(CameraStreamTest, ABufferThatTheDriverDoesNotHaveIsNoFrame) {
    auto camera = streaming(2);
    const auto frame = camera.dequeue(0).value();
    fake.queued.front().first = frame.index; // the same one once more
    EXPECT_EQ(camera.dequeue(0).error().kind(), ErrorKind::device_lost);
    fake.queued = {{7, 0}};
    EXPECT_EQ(camera.dequeue(0).error().kind(), ErrorKind::device_lost);
}

TEST_F(CameraStreamTest, ListsEndWhereADriverDoesNotLookAtTheIndex) {
    fake.endless_lists = true;
    auto camera = open();
    fake.calls = 0;
    const auto formats = camera.list_formats();
    ASSERT_TRUE(formats) << formats.error().message();
    ASSERT_EQ(formats->size(), 1u);
    EXPECT_EQ(formats->front().pixel_format, __u32{V4L2_PIX_FMT_YUYV});
    EXPECT_EQ(formats->front().sizes.size(), 1u);
    EXPECT_LE(fake.calls, 4096);
}

TEST_F(CameraStreamTest, MemoryThatIsMappedIsNotGivenBack) {
    auto camera = streaming(2);
    const auto frame = camera.dequeue(1000).value();
    Memory& memory = *camera.memory(frame.index);
    for (const MapFlags access : {MapFlags::read, MapFlags::write, MapFlags::readwrite}) {
        auto mapping = memory.map(access);
        ASSERT_TRUE(mapping) << mapping.error().message();
        const auto error = camera.queue(frame.index).error();
        EXPECT_EQ(error.kind(), ErrorKind::conflict);
        EXPECT_THAT(error.message(), HasSubstr("unmap"));
    }
    {
        auto share = memory.share(0, 100).value();
        auto mapping = share->map(MapFlags::read);
        ASSERT_TRUE(mapping);
        EXPECT_EQ(camera.queue(frame.index).error().kind(), ErrorKind::conflict) << "a part of it is mapped";
    }
    EXPECT_TRUE(camera.queue(frame.index));
}

TEST_F(CameraStreamTest, EveryErrnoOfBuffersAndStreamingHasARemedy) {
    for (int code = 1; code < 134; ++code) {
        const auto told = [&](const Error& error, const char* call) {
            EXPECT_EQ(error.code(), code) << call;
            EXPECT_EQ(error.call(), call);
            EXPECT_FALSE(error.remedy().empty()) << call << " " << code;
            if (code != EBUSY) {
                EXPECT_THAT(error.message(), Not(HasSubstr("another program"))) << call << " " << code;
            }
        };
        if (code == EINTR) // restarted
            continue;
        auto camera = ready();
        fake.reqbufs = -code;
        told(camera.reserve(2).error(), "VIDIOC_REQBUFS");
        fake.reqbufs = 0;
        ASSERT_TRUE(camera.bind(memories(2)));
        fake.streamon = -code;
        told(camera.start().error(), "VIDIOC_STREAMON");
        fake.streamon = 0;
        ASSERT_TRUE(camera.start());
        const auto frame = camera.dequeue(0).value();
        if (code != EAGAIN) {
            fake.dequeues = {-code};
            const auto error = camera.dequeue(0).error();
            told(error, "VIDIOC_DQBUF");
            EXPECT_FALSE(error.kind() == ErrorKind::busy && code == ETIMEDOUT)
                << "it is not that no frame came in time";
        }
        static int answer;
        answer = -code;
        fake.qbuf = [](int, std::uint32_t) { return answer; };
        told(camera.queue(frame.index).error(), "VIDIOC_QBUF");
        fake.qbuf = nullptr;
    }
}

TEST_F(CameraStreamTest, WhatTheKernelDocumentsForAnyCallHasACause) {
    // userspace-api/media/gen-errors.rst
    for (const int code :
         {EAGAIN, EACCES, EBADF, EBUSY, EFAULT, EINVAL, ENODEV, ENOMEM, ENOTTY, ENOSPC, EPERM, EIO, ENXIO}) {
        const auto told = [&](const Error& error) {
            EXPECT_EQ(error.code(), code);
            EXPECT_THAT(error.message(), Not(HasSubstr("no common cause"))) << code;
        };
        auto camera = ready();
        ASSERT_TRUE(camera.bind(memories(2)));
        fake.streamon = -code;
        told(camera.start().error());
        fake.streamon = 0;
        ASSERT_TRUE(camera.start());
        const auto frame = camera.dequeue(0).value();
        if (code != EAGAIN) {
            fake.dequeues = {-code};
            told(camera.dequeue(0).error());
        }
        static int answer;
        answer = -code;
        fake.qbuf = [](int, std::uint32_t) { return answer; };
        told(camera.queue(frame.index).error());
        fake.qbuf = nullptr;
    }
}

TEST_F(CameraStreamTest, StartingTellsBandwidthFromBusyAndFromSilence) {
    const auto refused = [&](int answer) {
        auto camera = ready();
        EXPECT_TRUE(camera.bind(memories(2)));
        fake.streamon = answer;
        return camera.start().error();
    };
    EXPECT_THAT(refused(-ENOSPC).message(), AllOf(HasSubstr("bandwidth"), HasSubstr("MJPG")));
    EXPECT_EQ(refused(-ETIMEDOUT).kind(), ErrorKind::unavailable);
    EXPECT_THAT(refused(-ETIMEDOUT).message(), HasSubstr("does not answer"));
    EXPECT_THAT(refused(-EINVAL).message(), HasSubstr("media-ctl"));
    EXPECT_THAT(refused(-EPIPE).message(), HasSubstr("libcamera"));
    fake.bus = "usb-0000:00:14.0-1"; // there is no pipeline in front of it
    for (const int answer : {-EPIPE, -EINVAL, -EIO, -ENOSPC})
        EXPECT_THAT(refused(answer).message(),
                    AllOf(HasSubstr("rate"), Not(HasSubstr("media-ctl")), Not(HasSubstr("libcamera"))))
            << answer;
    EXPECT_THAT(refused(-EIO).message(), AllOf(HasSubstr("bandwidth"), HasSubstr("cable")));
}

TEST_F(CameraStreamTest, GivingABufferBackTellsMemoryFromRightsAndFromABrokenStream) {
    const auto refused = [&](int answer) {
        auto camera = streaming(2);
        const auto frame = camera.dequeue(1000).value();
        static int given;
        given = answer;
        fake.qbuf = [](int, std::uint32_t) { return given; };
        auto error = camera.queue(frame.index).error();
        fake.qbuf = nullptr;
        return error;
    };
    EXPECT_EQ(refused(-EFAULT).kind(), ErrorKind::incompatible);
    EXPECT_THAT(refused(-EFAULT).message(), HasSubstr("hwalloc plan"));
    EXPECT_EQ(refused(-EACCES).kind(), ErrorKind::permission);
    EXPECT_THAT(refused(-EACCES).message(), HasSubstr("read-only"));
    EXPECT_EQ(refused(-EIO).kind(), ErrorKind::device_lost);
    EXPECT_THAT(refused(-EIO).message(), HasSubstr("broke off"));
}

TEST_F(CameraStreamTest, ImportIsAskedForByACallThatEveryQueueAnswers) {
    // vb2_ioctl_create_bufs refuses a kind of memory that the queue does not have before it tells anything.
    fake.refuses_dma_buf = true;
    fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
    auto camera = ready();
    const auto error = camera.reserve(2).error();
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_THAT(error.message(), HasSubstr("cannot import dma-bufs"));
    EXPECT_EQ(error.call(), "VIDIOC_CREATE_BUFS");
}

TEST_F(CameraStreamTest, AHeldFrameGoesBackByItself) {
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        auto camera = streaming(2);
        for (int i = 0; i < 20; ++i) {
            fake.calls = 0;
            auto frame = camera.take(1000);
            ASSERT_TRUE(frame) << frame.error().message();
            EXPECT_EQ(frame->memory(), camera.memory((*frame)->index));
            auto mapped = frame->map();
            ASSERT_TRUE(mapped) << mapped.error().message();
            EXPECT_EQ(mapped->bytes.size(), multi_planar ? 70u : 100u);
            EXPECT_EQ(mapped->bytes.data(), mapped->mapping.data() + (multi_planar ? 30 : 0));
        }
        EXPECT_EQ(fake.queued.size(), 2u) << "the driver has all of them";
    }
}

TEST_F(CameraStreamTest, AHeldFrameIsGivenBackOnce) {
    auto camera = streaming(2);
    auto frame = camera.take(1000).value();
    auto moved = std::move(frame);
    EXPECT_EQ(frame.queue().error().kind(), ErrorKind::invalid);
    {
        const auto mapped = moved.map();
        EXPECT_EQ(moved.queue().error().kind(), ErrorKind::conflict) << "mapped, and still held";
    }
    const std::uint32_t index = moved->index;
    EXPECT_TRUE(moved.queue());
    EXPECT_EQ(moved.memory(), nullptr);
    EXPECT_FALSE(moved.map());
    EXPECT_FALSE(camera.queue(index));
    EXPECT_FALSE(camera.map({.index = index}));
    moved = camera.take(1000).value();
    moved = camera.take(1000).value(); // the one before goes back
    EXPECT_EQ(fake.queued.size(), 1u);
}

TEST_F(CameraStreamTest, AHeldFrameOutlivesItsBindingAndDisturbsNoLaterOne) {
    auto camera = streaming(2);
    std::optional<v4l2::HeldFrame> old(camera.take(1000).value());
    ASSERT_TRUE(camera.unbind());
    EXPECT_EQ(old->memory(), nullptr);
    ASSERT_TRUE(camera.bind(memories(2)));
    ASSERT_TRUE(camera.start());
    auto held = camera.take(1000).value();
    ASSERT_EQ(held->index, (*old)->index) << "or this shows nothing";
    EXPECT_EQ(old->memory(), nullptr);
    const auto queued = fake.queued.size();
    old.reset();
    EXPECT_EQ(fake.queued.size(), queued);
    ASSERT_TRUE(camera.close());
    EXPECT_EQ(held.memory(), nullptr);
}

TEST_F(CameraStreamTest, AFrameThatIsLargerThanItsMemoryIsNotMapped) {
    auto camera = streaming(2);
    auto frame = camera.dequeue(1000).value();
    for (const auto& [offset, used] : {std::pair<std::uint64_t, std::uint64_t>{0, image_bytes + page_size()},
                                       {2 * image_bytes, 0},
                                       {100, std::uint64_t(-1)}}) {
        frame.offset = offset;
        frame.bytes_used = used;
        EXPECT_EQ(camera.map(frame).error().kind(), ErrorKind::incompatible) << offset;
    }
    EXPECT_TRUE(camera.queue(frame.index)) << "nothing stays mapped";
}

TEST_F(CameraStreamTest, MemoriesAreBoundInBraces) {
    auto camera = ready();
    const auto given = memories(2);
    const MemoryRef& first = given[0];
    const MemoryRef none;
    EXPECT_EQ(camera.bind({first, none}).error().kind(), ErrorKind::invalid);
    ASSERT_TRUE(camera.bind({first, given[1]}));
    EXPECT_EQ(camera.bound(), 2u);
    EXPECT_EQ(first->ref_count(), 2u);
    ASSERT_TRUE(camera.unbind());
    EXPECT_EQ(first->ref_count(), 1u);
}

} // namespace
} // namespace hwalloc
