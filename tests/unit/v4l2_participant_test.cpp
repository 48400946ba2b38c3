// Cameras and video outputs as participants of plans: what they ask for, and what they make of a layout. What
// real drivers do is tested in tests/device.
#include "allocators/registry/registry.h"
#include "tests/unit/fake_devices.h"
#include "tests/unit/v4l2_participant_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(V4l2Participant, SaysWhoItIs) {
    auto camera = ready();
    const auto filled = capture(camera);
    EXPECT_EQ(filled->name(), "camera /dev/video7 (a fake)");
    const std::string key(filled->cache_key());
    EXPECT_EQ(key, capture(camera)->cache_key());
    // Bytes are asked for in the camera's format.
    ASSERT_TRUE(camera.negotiate(yuyv(128, 96)));
    EXPECT_NE(key, filled->cache_key());
    ASSERT_TRUE(camera.close());
    EXPECT_EQ(v4l2::capture_participant(camera).error().kind(), ErrorKind::invalid);
    EXPECT_TRUE(filled->ask(picture)) << "it keeps the file open";
    const auto read = output();
    EXPECT_EQ(read->name(), "output /dev/video7 (a fake)");
    EXPECT_THAT(std::string(read->cache_key()), AllOf(HasSubstr("output"), Not(key)));
}

// Of two open files one would find the queue taken by the other.
TEST_F(V4l2Participant, ACameraThatAPlanHasOpenIsOpenedNoSecondTime) {
    fake.pixel_format = V4L2_PIX_FMT_YUYV, fake.width = 64, fake.height = 48, fake.stride = 128;
    auto* offers = fresh_registry().resolve("v4l2/video7").value()->extension<OffersParticipant>();
    ASSERT_TRUE(offers);
    const auto participant = offers->participant().value();
    const auto before = open_fds();
    {
        auto camera = open();
        EXPECT_EQ(open_fds(), before);
        ASSERT_TRUE(camera.negotiate(yuyv()));
    }
    auto again = open();
    EXPECT_EQ(open_fds(), before);
    EXPECT_FALSE(again.format()) << "what another Camera negotiated is none of its business";
    auto other = open();
    EXPECT_EQ(open_fds().size(), before.size() + 1) << "each Camera is one of its own";
}

// The CPU fills the memory then, and other devices have to see what is in its caches. The bus tells no more
// than that a camera may be such a one (bcm2835-v4l2 is, and stands on none).
TEST_F(V4l2Participant, WhoFillsMemoryFollowsFromWhatTheDriversBuffersAreCalled) {
    constexpr struct {
        const char *exporter, *bus;
        bool by_cpu;
        Answer contiguous;
    } cases[] = {
        {"videobuf2_vmalloc", "platform:bcm2835-v4l2", true, Answer::no},
        {"videobuf2_vmalloc", "usb-0000:00:14.0-1", true, Answer::no},
        {"videobuf2_dma_contig", "usb-0000:00:14.0-1", false, Answer::unknown},
        {"videobuf2_dma_sg", "PCI:0000:01:00.0", false, Answer::unknown},
        {"of another kind", "platform:camera", false, Answer::unknown},
        {"", "platform:camera", false, Answer::unknown},
        {"", "usb-0000:00:14.0-1", true, Answer::unknown},
    };
    fake.pixel_format = V4L2_PIX_FMT_YUYV, fake.width = 64, fake.height = 48, fake.stride = 128;
    for (const auto& one : cases) {
        SCOPED_TRACE(std::string(one.exporter) + " at " + one.bus);
        fake.exporter = one.exporter;
        fake.bus = one.bus;
        auto camera = open();
        const auto needs = capture(camera)->ask(picture);
        ASSERT_TRUE(needs);
        EXPECT_EQ(needs->through_cpu_caches, one.by_cpu);
        EXPECT_EQ(needs->syncs_cpu_access, one.by_cpu);
        EXPECT_EQ(needs->sees_cpu_caches, one.by_cpu ? Answer::yes : sees_cpu_caches(0));
        EXPECT_EQ(needs->contiguous, one.contiguous);
        ASSERT_TRUE(capture(camera)->ask(picture));
        EXPECT_EQ(fake.own_made.size(), 1u) << "found out once for an open file";
        EXPECT_EQ(fake.reserved, 0u);
        fake.own_made.clear();
    }
}

TEST_F(V4l2Participant, AnOutputTellsItsKindTheSameWay) {
    fake.can = V4L2_CAP_VIDEO_OUTPUT;
    fake.pixel_format = V4L2_PIX_FMT_YUYV, fake.width = 64, fake.height = 48, fake.stride = 128;
    fake.exporter = "videobuf2_vmalloc";
    const auto reads = output();
    ASSERT_TRUE(reads->ask(picture));
    const auto taken = attempt(*reads);
    ASSERT_TRUE(taken) << taken.error().message();
    EXPECT_THAT(taken->begin, HasSubstr("begins a CPU access"));
    EXPECT_THAT(taken->end, HasSubstr("DMA_BUF_IOCTL_SYNC"));
}

// A camera whose buffers cannot be had now may tell later.
TEST_F(V4l2Participant, ADriverThatMakesNoBufferNowIsAskedAgain) {
    fake.pixel_format = V4L2_PIX_FMT_YUYV, fake.width = 64, fake.height = 48, fake.stride = 128;
    fake.exporter = "videobuf2_vmalloc";
    fake.create_bufs = -ENOMEM;
    auto camera = open();
    const auto participant = capture(camera);
    EXPECT_FALSE(participant->ask(picture)->through_cpu_caches);
    fake.create_bufs = 0;
    EXPECT_TRUE(participant->ask(picture)->through_cpu_caches);
}

// Anybody may set the format of a camera that was not negotiated here, and a plan for bytes is for that.
TEST_F(V4l2Participant, WhatHangsOnSomebodyElsesFormatIsNotRemembered) {
    fake.image = 4096;
    fake.pixel_format = V4L2_PIX_FMT_YUYV, fake.width = 32, fake.height = 64, fake.stride = 64;
    auto camera = open();
    const auto participant = capture(camera);
    const std::string key(participant->cache_key());
    EXPECT_NE(key, "");
    ASSERT_TRUE(participant->ask(ImageSpec{.size = 1}));
    EXPECT_EQ(participant->cache_key(), "");
    ASSERT_TRUE(participant->ask(picture));
    EXPECT_EQ(participant->cache_key(), key) << "pixels are asked for in their own format";
    ASSERT_TRUE(camera.negotiate(yuyv()));
    ASSERT_TRUE(participant->ask(ImageSpec{.size = 1}));
    EXPECT_NE(participant->cache_key(), "");
}

TEST_F(V4l2Participant, ANodeThatIsOfNoUseIsNotOpened) {
    fake.can = V4L2_CAP_VIDEO_CAPTURE;
    const auto before = open_fds();
    const auto error = v4l2::output_participant("/dev/video7").error();
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_THAT(error.message(), HasSubstr("does not take video"));
    EXPECT_EQ(v4l2::output_participant("/dev/video-nowhere").error().kind(), ErrorKind::unavailable);
    fake.can = V4L2_CAP_VIDEO_OUTPUT;
    EXPECT_THAT(v4l2::Camera::open("/dev/video7").error().message(), HasSubstr("does not capture video"));
    EXPECT_EQ(open_fds(), before);
}

TEST_F(V4l2Participant, AsksForWhatTheDriverAnswersAndChangesNothing) {
    fake.answered_stride = 192;
    fake.extra_bytes = 64;
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        auto camera = open();
        const auto needs = capture(camera)->ask(picture).value();
        EXPECT_EQ(needs.min_size, 192u * 48 + 64);
        EXPECT_EQ(needs.pitch_min, 192u);
        EXPECT_THAT(needs.modifiers, ElementsAre(0u));
        EXPECT_EQ(needs.contiguous, Answer::unknown);
        EXPECT_TRUE(needs.needs_dma_buf);
        // Bytes: in the format that there is.
        fake.image = 777;
        const auto plain = capture(camera)->ask({.size = 5}).value();
        EXPECT_EQ(plain.min_size, 777u);
        EXPECT_EQ(plain.pitch_min, 0u);
        const auto read = output()->ask(picture).value();
        EXPECT_EQ(read.min_size, needs.min_size);
        EXPECT_EQ(read.pitch_min, needs.pitch_min);
        fake.can = V4L2_CAP_VIDEO_CAPTURE;
    }
    EXPECT_EQ(fake.formats_set, 0);
    EXPECT_TRUE(fake.all_queued.empty());
}

TEST_F(V4l2Participant, WhatTheDriverDoesNotTakeIsToldWithWhatItHas) {
    auto camera = open();
    const auto participant = capture(camera);
    const auto refused = [&](ImageSpec spec = picture) {
        auto needs = participant->ask(spec);
        EXPECT_FALSE(needs);
        return needs ? Error(ErrorKind::invalid, "none") : needs.error();
    };
    EXPECT_THAT(refused({.fourcc = fourcc('P', '0', '1', '6'), .width = 64, .height = 48}).message(),
                AllOf(HasSubstr("P016"), HasSubstr("videodev2.h has no such format")));
    EXPECT_THAT(refused({.fourcc = fourcc('Y', 'U', '2', '4'), .width = 64, .height = 48}).message(),
                AllOf(HasSubstr("YU24"), HasSubstr("memory for each plane only")));
    EXPECT_EQ(refused({.fourcc = yuyv_drm}).kind(), ErrorKind::invalid) << "no pixels";
    fake.answered_format = V4L2_PIX_FMT_NV12;
    auto error = refused();
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_EQ(error.call(), "VIDIOC_TRY_FMT");
    EXPECT_THAT(error.message(), AllOf(HasSubstr("YUYV 64x48"), HasSubstr("NV12 64x48 instead")));
    EXPECT_EQ(participant->settle(linear()).error().kind(), ErrorKind::incompatible);
    EXPECT_EQ(attempt(*participant).error().kind(), ErrorKind::incompatible);
    fake.answered_format = 0;
    fake.answered_stride = 100;
    EXPECT_EQ(refused().kind(), ErrorKind::incompatible) << "less than a row";
    fake.answered_stride = 0;
    fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
    fake.expbuf = -ENOTTY;
    error = refused();
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_EQ(error.call(), "VIDIOC_CREATE_BUFS");
    fake.capabilities = 0;
    EXPECT_TRUE(participant->ask(picture)) << "a kernel that does not say so is asked by trial";
    EXPECT_TRUE(fake.all_queued.empty());

    fake.multi_planar = true;
    fake.memories = 5;
    auto planes = open();
    EXPECT_THAT(capture(planes)->ask(picture).error().message(), HasSubstr("lies in 5 memories"));
    EXPECT_EQ(capture(planes)->ask({.size = 1}).error().kind(), ErrorKind::unsupported);
}

TEST_F(V4l2Participant, SettlesOnTheDriversStride) {
    auto camera = open();
    const auto participant = capture(camera);
    EXPECT_EQ(participant->settle(linear()).value(), linear()) << "it agrees";
    const auto narrower = participant->settle(linear(yuyv_drm, 256)).value();
    EXPECT_EQ(narrower.planes, linear().planes) << "it has a stride of its own";
    EXPECT_EQ(narrower.memory_sizes[0], 256u * 48) << "sizes never become smaller";
    fake.stride_step = 64;
    EXPECT_EQ(participant->settle(linear(yuyv_drm, 256)).value(), linear(yuyv_drm, 256));
    EXPECT_EQ(participant->settle(linear(yuyv_drm, 250)).value(), linear(yuyv_drm, 256));
    // The planes are where V4L2 has them; colours are nobody's business here.
    auto apart = linear(nv12_drm, 128);
    apart.planes[1].offset += 4096;
    apart.memory_sizes[0] += 4096;
    apart.matrix = ColorMatrix::bt709;
    auto together = linear(nv12_drm, 128);
    together.memory_sizes[0] = apart.memory_sizes[0];
    together.matrix = ColorMatrix::bt709;
    EXPECT_EQ(participant->settle(apart).value(), together);
    EXPECT_EQ(participant->settle(together).value(), together);
    fake.extra_bytes = 10'000;
    EXPECT_EQ(participant->settle(linear()).value().memory_sizes[0], image_bytes + 10'000);
    auto tiled = linear();
    tiled.modifier = 1;
    EXPECT_EQ(participant->settle(tiled).error().kind(), ErrorKind::incompatible);
    // Bytes.
    EXPECT_EQ(participant->settle(bytes(1)).value(), bytes(fake.image));
    EXPECT_EQ(participant->settle(bytes(1 << 20)).value(), bytes(1 << 20));
    EXPECT_EQ(fake.formats_set, 0);
}

TEST_F(V4l2Participant, BringsTheCamerasOwnBuffersByTheRealNode) {
    class Own final : public Allocator {
    public:
        Own() : Allocator("v4l2") {}
    };
    ASSERT_TRUE(Allocator::register_allocator("v4l2/video7", AllocatorRef::adopt(new Own)));
    auto camera = v4l2::Camera::open("/dev/v4l/by-id/the-same").value();
    const auto brought = capture(camera)->own_allocators();
    ASSERT_EQ(brought.size(), 1u);
    EXPECT_EQ(brought[0].get(), Allocator::find("v4l2/video7"));
    ASSERT_TRUE(Allocator::unregister("v4l2/video7"));
    EXPECT_EQ(capture(camera)->own_allocators().at(0)->name(), "") << "nobody has the name";
}

TEST_F(V4l2Participant, IsOfferedByTheAllocatorOfTheCamera) {
    Allocator* allocator = fresh_registry().resolve("v4l2/video7").value();
    auto* offers = allocator->extension<OffersParticipant>();
    ASSERT_TRUE(offers);
    {
        auto camera = ready();
        const auto before = open_fds();
        const auto shared = offers->participant().value();
        EXPECT_EQ(open_fds(), before) << "the application's open file";
        EXPECT_EQ(shared->cache_key(), capture(camera)->cache_key());
    }
    const auto before = open_fds();
    const auto alone = offers->participant().value();
    EXPECT_EQ(open_fds().size(), before.size() + 1);
    const auto memory = allocator->alloc(image_bytes).value();
    EXPECT_EQ(open_fds().size(), before.size() + 2) << "the buffer alone: one file for both";
    EXPECT_TRUE(alone->attempt(*memory, linear()));
    fake.can = V4L2_CAP_VIDEO_OUTPUT;
    EXPECT_TRUE(offers->participant()) << "still open";
}

} // namespace
} // namespace hwalloc
