// Cameras on a driver that does what a test tells it: what a real one (tests/lab/capture_test.py) cannot be
// made to do at will.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/udmabuf.h>
#include <linux/videodev2.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>

#include "common/udev.h"
#include "hwalloc/allocator.h"
#include "hwalloc/v4l2.h"
#include "tests/unit/fake_dma_buf.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// One camera at /dev/fake-camera, as videobuf2 behaves (drivers/media/common/videobuf2), and /dev/udmabuf.
class FakeCamera {
public:
    FakeCamera() {
        active = this;
        buffers.other = [](int fd, unsigned long request, void* argument) {
            return active->ioctl(fd, request, argument);
        };
        kernel.open = [](const char* path, int flags) { return active->open(path, flags); };
        kernel.poll = [](pollfd*, nfds_t, int) { return active->poll(); };
    }
    ~FakeCamera() { active = nullptr; }

    FakeDmaBufs buffers;
    bool multi_planar = false;
    std::uint32_t answered_format = 0, answered_stride = 0, extra_bytes = 0, memories = 1;
    std::uint32_t colorspace = V4L2_COLORSPACE_SRGB, encoding = 0, quantization = 0;
    std::uint32_t least_buffers = 0; // REQBUFS raises the count to this
    std::uint32_t capabilities = V4L2_BUF_CAP_SUPPORTS_DMABUF;
    int create_bufs = 0, reqbufs = 0;                   // what these answer
    int (*qbuf)(int fd, std::uint32_t index) = nullptr; // what QBUF answers; null: it takes all
    int udmabuf_open = 0;
    std::string exporter;            // of every dma-buf
    std::deque<int> polls, dequeues; // what the next ones answer; then success

    std::uint32_t reserved = 0;
    bool streaming = false;
    std::deque<std::pair<std::uint32_t, int>> queued; // index, descriptor
    std::vector<std::pair<std::uint32_t, int>> all_queued;
    std::vector<std::uint32_t> lengths;
    int calls = 0;
    std::vector<int> trial_buffers; // descriptors that UDMABUF_CREATE_LIST gave
    std::uint32_t buffer_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;

    static inline FakeCamera* active = nullptr;

private:
    int open(const std::string& path, int open_flags) {
        if (path == "/dev/udmabuf")
            return udmabuf_open < 0 ? udmabuf_open : ::memfd_create("fake udmabuf", MFD_CLOEXEC);
        if (path.starts_with("/proc/self/fdinfo/")) {
            const int file = ::memfd_create("fake fdinfo", MFD_CLOEXEC);
            const std::string text = "pos:\t0\nexp_name:\t" + exporter + "\nname:\tx\n";
            EXPECT_EQ(::pwrite(file, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
            return file;
        }
        if (path != "/dev/fake-camera")
            return real_kernel().open(path.c_str(), open_flags);
        EXPECT_EQ(open_flags, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        return ::memfd_create("fake camera", MFD_CLOEXEC);
    }
    int poll() {
        ++calls;
        return next(polls, 1);
    }
    static int next(std::deque<int>& answers, int otherwise) {
        if (answers.empty())
            return otherwise;
        const int answer = answers.front();
        answers.pop_front();
        return answer;
    }
    int ioctl(int fd, unsigned long request, void* argument) {
        ++calls;
        switch (request) {
        case VIDIOC_QUERYCAP: {
            auto& c = *static_cast<v4l2_capability*>(argument);
            std::strcpy(reinterpret_cast<char*>(c.card), "a fake");
            c.capabilities = V4L2_CAP_DEVICE_CAPS;
            c.device_caps =
                V4L2_CAP_STREAMING | (multi_planar ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE);
            return 0;
        }
        case VIDIOC_G_FMT:
            return 0;
        case VIDIOC_S_FMT: {
            if (reserved)
                return -EBUSY;
            auto& f = *static_cast<v4l2_format*>(argument);
            const auto answer = [&](auto& pix, auto& stride, auto& size) {
                if (answered_format)
                    pix.pixelformat = answered_format;
                stride = answered_stride ? answered_stride : pix.width * 2;
                size = stride * pix.height + extra_bytes;
                pix.field = V4L2_FIELD_NONE;
                pix.colorspace = colorspace;
                pix.ycbcr_enc = static_cast<__u8>(encoding);
                pix.quantization = static_cast<__u8>(quantization);
            };
            if (multi_planar) {
                f.fmt.pix_mp.num_planes = static_cast<__u8>(memories);
                auto& plane = f.fmt.pix_mp.plane_fmt[0];
                __u32 stride, size;
                answer(f.fmt.pix_mp, stride, size);
                plane.bytesperline = stride;
                plane.sizeimage = size;
            } else {
                answer(f.fmt.pix, f.fmt.pix.bytesperline, f.fmt.pix.sizeimage);
            }
            return 0;
        }
        case VIDIOC_CREATE_BUFS: {
            auto& c = *static_cast<v4l2_create_buffers*>(argument);
            EXPECT_EQ(c.count, 0u);
            c.capabilities = capabilities;
            return create_bufs;
        }
        case VIDIOC_REQBUFS: {
            auto& r = *static_cast<v4l2_requestbuffers*>(argument);
            EXPECT_EQ(r.memory, __u32{V4L2_MEMORY_DMABUF});
            if (reqbufs < 0 && r.count)
                return reqbufs;
            queued.clear();
            streaming = false;
            if (r.count)
                r.count = std::max(r.count, least_buffers);
            reserved = r.count;
            return 0;
        }
        case VIDIOC_QBUF: {
            auto& b = *static_cast<v4l2_buffer*>(argument);
            const int dma_buf = multi_planar ? b.m.planes[0].m.fd : b.m.fd;
            EXPECT_LT(b.index, reserved);
            if (qbuf)
                if (const int answer = qbuf(dma_buf, b.index); answer < 0)
                    return answer;
            lengths.push_back(multi_planar ? b.m.planes[0].length : b.length);
            queued.emplace_back(b.index, dma_buf);
            all_queued.emplace_back(b.index, dma_buf);
            return 0;
        }
        case VIDIOC_DQBUF: {
            if (const int answer = next(dequeues, 0); answer < 0)
                return answer;
            EXPECT_FALSE(queued.empty());
            auto& b = *static_cast<v4l2_buffer*>(argument);
            b.index = queued.front().first;
            queued.pop_front();
            b.sequence = sequence++;
            b.flags = buffer_flags;
            b.timestamp = {3, 4};
            if (multi_planar) {
                b.m.planes[0].bytesused = 100;
                b.m.planes[0].data_offset = 30;
            } else {
                b.bytesused = 100;
            }
            return 0;
        }
        case VIDIOC_STREAMON:
            streaming = true;
            return 0;
        case VIDIOC_STREAMOFF:
            streaming = false;
            queued.clear();
            return 0;
        case UDMABUF_CREATE_LIST: {
            const auto& list = *static_cast<const udmabuf_create_list*>(argument);
            EXPECT_EQ(list.count, 2u);
            trial_buffers.push_back(FakeDmaBufs::make(list.list[0].size + list.list[1].size).release());
            return trial_buffers.back();
        }
        default:
            return fd < 0 ? -EBADF : -ENOTTY;
        }
    }

    std::uint32_t sequence = 7;
};

v4l2::FormatRequest yuyv(std::uint32_t width = 64, std::uint32_t height = 48) {
    return {.pixel_format = V4L2_PIX_FMT_YUYV, .width = width, .height = height};
}
constexpr std::size_t image_bytes = 64 * 48 * 2;

std::vector<MemoryRef> memories(std::size_t count, std::size_t size = image_bytes) {
    std::vector<MemoryRef> made;
    for (std::size_t i = 0; i < count; ++i)
        made.push_back(import_dmabuf(FakeDmaBufs::make(size).get()).value());
    return made;
}

class CameraTest : public ::testing::Test {
protected:
    v4l2::Camera open() {
        auto camera = v4l2::Camera::open("/dev/fake-camera");
        EXPECT_TRUE(camera) << camera.error().message();
        return std::move(*camera);
    }
    v4l2::Camera ready() {
        auto camera = open();
        EXPECT_TRUE(camera.negotiate(yuyv()));
        return camera;
    }
    FakeCamera fake;
};

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

TEST_F(CameraTest, TheAnswerIsTheDriversNotTheRequest) {
    fake.answered_stride = 192;
    fake.extra_bytes = 64;
    auto camera = open();
    const auto format = camera.negotiate(yuyv()).value();
    EXPECT_EQ(format.layout.planes[0].stride, 192u);
    EXPECT_EQ(format.layout.memory_sizes[0], 192u * 48 + 64);
    EXPECT_EQ(format.layout.matrix, ColorMatrix::bt601);
    EXPECT_EQ(format.layout.range, ColorRange::limited);
    fake.answered_format = V4L2_PIX_FMT_MJPEG;
    const auto jpeg = camera.negotiate(yuyv()).value();
    EXPECT_EQ(jpeg.pixel_format, std::uint32_t{V4L2_PIX_FMT_MJPEG});
    EXPECT_EQ(jpeg.layout.fourcc, 0u);
    fake.answered_format = 0;
    fake.answered_stride = 100;
    EXPECT_EQ(camera.negotiate(yuyv()).error().kind(), ErrorKind::incompatible);
    fake.answered_stride = 0;
    fake.multi_planar = true;
    fake.memories = 2;
    auto planes = open();
    EXPECT_EQ(planes.negotiate(yuyv()).error().kind(), ErrorKind::unsupported);
}

TEST_F(CameraTest, ColoursFollowTheRulesOfVideodev2) {
    struct Row {
        std::uint32_t colorspace, encoding, quantization, height;
        ColorMatrix matrix;
        ColorRange range;
    };
    const Row rows[] = {
        {V4L2_COLORSPACE_SRGB, 0, 0, 48, ColorMatrix::bt601, ColorRange::limited},
        {V4L2_COLORSPACE_REC709, 0, 0, 48, ColorMatrix::bt709, ColorRange::limited},
        {V4L2_COLORSPACE_BT2020, 0, 0, 48, ColorMatrix::bt2020, ColorRange::limited},
        {V4L2_COLORSPACE_SMPTE240M, 0, 0, 48, ColorMatrix::smpte240m, ColorRange::limited},
        {V4L2_COLORSPACE_JPEG, 0, 0, 48, ColorMatrix::bt601, ColorRange::full},
        {V4L2_COLORSPACE_REC709, V4L2_YCBCR_ENC_601, V4L2_QUANTIZATION_FULL_RANGE, 48, ColorMatrix::bt601,
         ColorRange::full},
        {V4L2_COLORSPACE_BT2020, V4L2_YCBCR_ENC_BT2020_CONST_LUM, 0, 48, ColorMatrix::bt2020_constant,
         ColorRange::limited},
        {V4L2_COLORSPACE_DEFAULT, 0, 0, 480, ColorMatrix::bt601, ColorRange::limited},
        {V4L2_COLORSPACE_DEFAULT, 0, 0, 720, ColorMatrix::bt709, ColorRange::limited},
    };
    auto camera = open();
    for (const Row& row : rows) {
        fake.colorspace = row.colorspace;
        fake.encoding = row.encoding;
        fake.quantization = row.quantization;
        const auto layout = camera.negotiate(yuyv(64, row.height)).value().layout;
        EXPECT_EQ(layout.matrix, row.matrix) << row.colorspace << " " << row.encoding;
        EXPECT_EQ(layout.range, row.range) << row.colorspace << " " << row.encoding;
    }
}

TEST_F(CameraTest, AShortBufferIsCalledShort) {
    auto camera = ready();
    auto given = memories(2, image_bytes - 1);
    const auto error = camera.bind(given).error();
    EXPECT_EQ(error.kind(), ErrorKind::incompatible);
    EXPECT_EQ(error.size_wanted(), image_bytes);
    EXPECT_EQ(error.size_held(), image_bytes - 1);
    EXPECT_THAT(error.message(), AllOf(HasSubstr("smaller than an image"), Not(HasSubstr("contiguous"))));
    EXPECT_TRUE(fake.all_queued.empty()) << "the size is checked before the driver is asked";
    EXPECT_EQ(fake.reserved, 0u);
}

// What QBUF answers: EFAULT to all, to all but the trial buffers, to all but the first of these.
int refuse_scattered(int, std::uint32_t) {
    return -EFAULT;
}
int refuse_but_trials(int fd, std::uint32_t) {
    const auto& trials = FakeCamera::active->trial_buffers;
    return std::find(trials.begin(), trials.end(), fd) != trials.end() ? 0 : -EFAULT;
}
int refuse_but_first_trial(int fd, std::uint32_t) {
    const auto& trials = FakeCamera::active->trial_buffers;
    return !trials.empty() && fd == trials.front() ? 0 : -EFAULT;
}

TEST_F(CameraTest, ContiguousIsSaidOnlyWhenTwinsProveIt) {
    const auto refusal = [&](int (*qbuf)(int, std::uint32_t), int udmabuf_open = 0) {
        fake.qbuf = qbuf;
        fake.udmabuf_open = udmabuf_open;
        fake.trial_buffers.clear();
        auto camera = ready();
        const auto given = memories(4);
        const auto fds = open_fds();
        auto bound = camera.bind(given);
        EXPECT_FALSE(bound);
        EXPECT_EQ(open_fds(), fds) << "trial buffers are closed";
        EXPECT_EQ(fake.reserved, 0u);
        EXPECT_EQ(given[0]->ref_count(), 1u);
        EXPECT_EQ(bound.error().kind(), ErrorKind::incompatible);
        EXPECT_EQ(bound.error().code(), EFAULT);
        EXPECT_EQ(bound.error().call(), "VIDIOC_QBUF");
        return bound.error().message();
    };
    // Whoever refuses both twins and no other exporter's memory may just be unable to map udmabufs.
    fake.exporter = "udmabuf";
    EXPECT_THAT(refusal(refuse_scattered), HasSubstr("may need memory that is physically contiguous"));
    fake.exporter = "system";
    EXPECT_THAT(refusal(refuse_scattered),
                AllOf(HasSubstr("needs physically contiguous"), HasSubstr("refused both")));
    EXPECT_THAT(refusal(refuse_but_first_trial),
                AllOf(HasSubstr("needs physically contiguous"), HasSubstr("refused one")));
    EXPECT_THAT(refusal(refuse_but_trials),
                AllOf(HasSubstr("takes scattered memory"), Not(HasSubstr("contiguous"))));
    EXPECT_THAT(refusal(refuse_scattered, -EACCES),
                AllOf(HasSubstr("may need memory that is physically contiguous"),
                      HasSubstr("could not be found out"), HasSubstr("/dev/udmabuf")));
}

TEST_F(CameraTest, TheThirdBufferMayBeTheOneThatIsRefused) {
    fake.qbuf = [](int, std::uint32_t index) { return index == 2 ? -EINVAL : 0; };
    auto camera = ready();
    const auto given = memories(4);
    const auto error = camera.bind(given).error();
    EXPECT_THAT(error.message(), HasSubstr("importing buffer 3 of 4"));
    EXPECT_EQ(error.kind(), ErrorKind::incompatible);
    EXPECT_TRUE(fake.queued.empty());
    fake.qbuf = nullptr;
    EXPECT_TRUE(camera.bind(given)) << "nothing of the failure is left";
}

TEST_F(CameraTest, TheDriverDecidesHowManyBuffersThereAre) {
    fake.least_buffers = 5;
    auto camera = ready();
    EXPECT_EQ(camera.bind(memories(3)).error().kind(), ErrorKind::limit);
    EXPECT_EQ(fake.reserved, 0u);
    EXPECT_EQ(camera.reserve(3).value(), 5u);
    EXPECT_TRUE(camera.bind(memories(5)));
    EXPECT_EQ(camera.reserve(5).error().kind(), ErrorKind::invalid);
}

TEST_F(CameraTest, ADriverThatCannotImportSaysSoOneWayOrTheOther) {
    auto camera = ready();
    fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
    EXPECT_EQ(camera.reserve(4).error().call(), "VIDIOC_CREATE_BUFS");
    // Kernels before 4.20 tell no capabilities, some drivers have no CREATE_BUFS: REQBUFS is asked then.
    for (const auto& [capabilities, create_bufs] : {std::pair(0u, 0), std::pair(0u, -ENOTTY)}) {
        fake.capabilities = capabilities;
        fake.create_bufs = create_bufs;
        fake.reqbufs = -EINVAL;
        EXPECT_EQ(camera.reserve(4).error().kind(), ErrorKind::unsupported);
        EXPECT_EQ(camera.reserve(4).error().call(), "VIDIOC_REQBUFS");
        fake.reqbufs = 0;
        EXPECT_EQ(camera.reserve(4).value(), 4u);
    }
    fake.reqbufs = -EBUSY;
    EXPECT_EQ(camera.reserve(4).error().kind(), ErrorKind::busy);
}

TEST_F(CameraTest, WhatCannotBeBoundIsRefusedBeforeTheDriverIsAsked) {
    auto camera = ready();
    auto given = memories(2);
    const auto refused = [&] {
        auto bound = camera.bind(given);
        EXPECT_FALSE(bound);
        EXPECT_EQ(fake.reserved, 0u);
        return bound ? ErrorKind{} : bound.error().kind();
    };
    given[1] = given[0]->ref().value();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "the same dma-buf twice";
    given[1] = alloc(image_bytes).value();
    EXPECT_EQ(refused(), ErrorKind::unsupported) << "memory without a dma-buf";
    const auto buffer = FakeDmaBufs::make(image_bytes);
    given[1] = import_dmabuf(FakeDmaBufs::reopened(buffer, O_RDONLY).get()).value();
    EXPECT_EQ(refused(), ErrorKind::permission) << "read-only";
    given[1] = import_dmabuf(FakeDmaBufs::make(image_bytes + 4096).get(), 4096).value();
    EXPECT_EQ(refused(), ErrorKind::incompatible) << "not at the start";
    given[1].reset();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "no memory";
    given.clear();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "nothing at all";
}

TEST_F(CameraTest, WaitingEndsByAFrameASignalOrTheClock) {
    auto camera = ready();
    ASSERT_TRUE(camera.bind(memories(2)));
    EXPECT_EQ(camera.dequeue(0).error().kind(), ErrorKind::invalid) << "not streaming";
    ASSERT_TRUE(camera.start());
    fake.polls = {-EINTR, 0};
    const auto interrupted = camera.dequeue(1000);
    EXPECT_EQ(interrupted.error().kind(), ErrorKind::busy);
    EXPECT_EQ(interrupted.error().code(), EINTR);
    EXPECT_EQ(camera.dequeue(1000).error().code(), ETIMEDOUT);
    // A wake-up for nothing, and a call that a signal interrupts, are nobody's business.
    fake.dequeues = {-EAGAIN, -EINTR, 0};
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
            auto camera = v4l2::Camera::open("/dev/fake-camera");
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

TEST(CameraNames, PixelFormatsTranslateBothWays) {
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_RGB24), fourcc('B', 'G', '2', '4'));
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_XBGR32), fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_BGR32), fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('X', 'R', '2', '4')), std::uint32_t{V4L2_PIX_FMT_XBGR32});
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_MJPEG), 0u);
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_NV12M), 0u);
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
