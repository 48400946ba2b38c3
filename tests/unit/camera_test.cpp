// Cameras on a driver that does what a test tells it: what a real one (tests/lab/capture_test.py) cannot be
// made to do at will.
#include <gmock/gmock.h>

#include <optional>

#include "common/udev.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

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
    fake.memories = 5;
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

// The table tells what a format is, not whether drm_fourcc.h has a name for it.
TEST_F(CameraTest, NumbersWithoutAMatrixAreOfFullRangeWhereTheDriverDoesNotSay) {
    auto camera = open();
    for (const std::uint32_t code : {V4L2_PIX_FMT_RGB565X, V4L2_PIX_FMT_SRGGB10, V4L2_PIX_FMT_BGR666}) {
        const auto layout =
            camera.negotiate({.pixel_format = code, .width = 64, .height = 48}).value().layout;
        EXPECT_EQ(layout.fourcc, 0u);
        EXPECT_EQ(layout.matrix, ColorMatrix::rgb) << fourcc_name(code);
        EXPECT_EQ(layout.range, ColorRange::full) << fourcc_name(code);
    }
    const auto packed =
        camera.negotiate({.pixel_format = V4L2_PIX_FMT_YUV565, .width = 64, .height = 48}).value().layout;
    EXPECT_EQ(packed.matrix, ColorMatrix::bt601);
    EXPECT_EQ(packed.range, ColorRange::limited);
}

TEST_F(CameraTest, HuesAreTold) {
    auto camera = open();
    for (const auto& [encoding, matrix] : {std::pair<std::uint32_t, ColorMatrix>{0, ColorMatrix::hsv_180},
                                           {V4L2_HSV_ENC_180, ColorMatrix::hsv_180},
                                           {V4L2_HSV_ENC_256, ColorMatrix::hsv_256}}) {
        fake.encoding = encoding;
        const auto layout =
            camera.negotiate({.pixel_format = V4L2_PIX_FMT_HSV32, .width = 64, .height = 48}).value().layout;
        EXPECT_EQ(layout.matrix, matrix);
        EXPECT_EQ(layout.range, ColorRange::full);
    }
}

// v4l2loopback takes 641x481, and has no byte for the halves of chroma samples at the edges.
TEST_F(CameraTest, AnOddSizeThatCutsChromaIsBytesWhoseLayoutIsNotKnown) {
    for (const bool multi_planar : {false, true})
        for (const std::uint32_t code : {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_NV12}) {
            fake.multi_planar = multi_planar;
            fake.extra_bytes = 0;
            auto camera = open();
            const v4l2::FormatRequest odd{.pixel_format = code, .width = 641, .height = 481};
            const auto cut = camera.negotiate(odd);
            ASSERT_TRUE(cut) << cut.error().message();
            const std::uint64_t bytes = code == V4L2_PIX_FMT_NV12 ? 641 * 481 * 3 / 2 : 1282 * 481;
            EXPECT_EQ(cut->layout.fourcc, 0u);
            EXPECT_EQ(cut->layout.memory_sizes[0], bytes);
            EXPECT_EQ(cut->layout.planes[0].size, bytes);
            EXPECT_EQ(cut->layout.matrix, ColorMatrix::bt601) << "what the numbers mean is known";
            // With room for whole samples it is a picture, where its rows have room too.
            fake.extra_bytes = 641 * 2;
            const auto whole = camera.negotiate(odd);
            ASSERT_TRUE(whole) << whole.error().message();
            EXPECT_EQ(whole->layout.fourcc != 0, code == V4L2_PIX_FMT_NV12);
            ASSERT_TRUE(camera.close());
        }
    // An even size has no such excuse.
    fake.answered_stride = 100;
    auto camera = open();
    EXPECT_EQ(camera.negotiate(yuyv()).error().kind(), ErrorKind::incompatible);
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
    return FakeCamera::trial_of(fd) >= 0 ? 0 : -EFAULT;
}
int refuse_but_first_trial(int fd, std::uint32_t) {
    return FakeCamera::trial_of(fd) == 0 ? 0 : -EFAULT;
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
                AllOf(HasSubstr("needs physically contiguous"), HasSubstr("reach neither")));
    EXPECT_THAT(refusal(refuse_but_first_trial),
                AllOf(HasSubstr("needs physically contiguous"), HasSubstr("refused one")));
    EXPECT_THAT(refusal(refuse_but_trials),
                AllOf(HasSubstr("takes scattered memory"), Not(HasSubstr("contiguous"))));
    EXPECT_THAT(refusal(refuse_scattered, -EACCES),
                AllOf(HasSubstr("may need memory that is physically contiguous"),
                      HasSubstr("could not be found out"), HasSubstr("/dev/udmabuf")));
}

TEST_F(CameraTest, RefusedMemoryEndsInTheCommandThatFindsWhatDoes) {
    const auto command = ::testing::EndsWith(
        "`hwalloc plan --camera /dev/video7 --size 64x48 --format YUYV` finds memory that "
        "it takes");
    fake.exporter = "system";
    for (const int answer : {-EFAULT, -EINVAL, -ENOSYS})
        for (const bool twins_too : {true, false}) {
            static int refusal;
            refusal = answer;
            fake.qbuf = twins_too ? [](int, std::uint32_t) { return refusal; } : [](int fd, std::uint32_t) {
                return FakeCamera::trial_of(fd) >= 0 ? 0 : refusal;
            };
            auto camera = ready();
            const auto given = memories(4);
            const auto error = camera.bind(given).error();
            EXPECT_EQ(error.kind(), ErrorKind::incompatible);
            EXPECT_THAT(std::string(error.remedy()), command) << answer;
        }
    fake.qbuf = nullptr;
    auto camera = ready();
    std::vector<MemoryRef> plain;
    for (int i = 0; i < 2; ++i)
        plain.push_back((*Allocator::resolve("sysmem"))->alloc(image_bytes).value());
    EXPECT_THAT(std::string(camera.bind(plain).error().remedy()), command);
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
    const Error busy = camera.reserve(4).error();
    EXPECT_EQ(busy.kind(), ErrorKind::busy);
    const std::string line = "`fuser -v " + camera.info().path + "`";
    EXPECT_NE(std::string(busy.remedy()).find(line), std::string::npos) << busy.remedy();
}

TEST_F(CameraTest, WhatCannotBeBoundIsRefusedBeforeTheDriverIsAsked) {
    auto camera = ready();
    auto given = memories(2);
    std::string remedy;
    const auto refused = [&] {
        auto bound = camera.bind(given);
        EXPECT_FALSE(bound);
        EXPECT_EQ(fake.reserved, 0u);
        remedy = bound ? std::string() : std::string(bound.error().remedy());
        return bound ? ErrorKind{} : bound.error().kind();
    };
    given[1] = given[0]->ref().value();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "the same dma-buf twice";
    given[1] = alloc(image_bytes).value();
    EXPECT_EQ(refused(), ErrorKind::unsupported) << "memory without a dma-buf";
    const auto buffer = FakeDmaBufs::make(image_bytes);
    given[1] = import_dmabuf(FakeDmaBufs::reopened(buffer, O_RDONLY).get()).value();
    EXPECT_EQ(refused(), ErrorKind::permission) << "read-only";
    EXPECT_THAT(remedy, HasSubstr("O_RDWR"));
    given[1] = memories(1)[0]->share().value();
    EXPECT_EQ(refused(), ErrorKind::permission) << "a share";
    EXPECT_THAT(remedy, HasSubstr("bind the memory that it was made of"));
    given[1] = import_dmabuf(FakeDmaBufs::make(image_bytes + 4096).get(), 4096).value();
    EXPECT_EQ(refused(), ErrorKind::incompatible) << "not at the start";
    EXPECT_THAT(remedy, HasSubstr("import the dma-buf from its first byte"));
    given[1].reset();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "no memory";
    given.clear();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "nothing at all";
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

TEST(CameraNames, PixelFormatsTranslateBothWays) {
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_RGB24), fourcc('B', 'G', '2', '4'));
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_XBGR32), fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_BGR32), fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('X', 'R', '2', '4')), std::uint32_t{V4L2_PIX_FMT_XBGR32});
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_MJPEG), 0u);
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_NV12M), 0u);
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_YUV444M), 0u);
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('Y', 'U', '2', '4')), 0u);
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_P010), fourcc('P', '0', '1', '0'));
    // The same four letters for other bytes.
    EXPECT_EQ(v4l2::drm_of_pixel_format(fourcc('R', 'G', '1', '6')), 0u);
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('R', 'G', '1', '6')), std::uint32_t{V4L2_PIX_FMT_RGB565});
    EXPECT_EQ(v4l2::drm_of_pixel_format(V4L2_PIX_FMT_AYUV32), 0u);
    EXPECT_EQ(v4l2::pixel_format_of_drm(fourcc('A', 'Y', 'U', 'V')), std::uint32_t{V4L2_PIX_FMT_VUYA32});
}

// What a camera calls a format is what a card, EGL and a layout call it, and back, for every line of the
// table.
TEST(CameraNames, AreTheTables) {
    for (const PixelFormat& format : pixel_formats()) {
        EXPECT_EQ(v4l2::pixel_format_of_drm(format.drm.code), format.drm ? format.v4l2.code : 0)
            << format.name;
        EXPECT_EQ(v4l2::drm_of_pixel_format(format.v4l2.code), format.v4l2 ? format.drm.code : 0)
            << format.name;
        for (const std::uint32_t old : format.v4l2_old)
            EXPECT_EQ(v4l2::drm_of_pixel_format(old), old ? format.drm.code : 0) << format.name;
        EXPECT_EQ(v4l2::drm_of_pixel_format(format.v4l2_memory_per_plane), 0u) << format.name;
        if (format.drm) {
            EXPECT_EQ(is_yuv(format.drm.code), format.is_yuv()) << format.name;
            EXPECT_TRUE(linear_layout(format.drm.code, 64, 48)) << format.name;
        }
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
