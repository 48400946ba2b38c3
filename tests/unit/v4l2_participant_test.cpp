// Cameras and video outputs as participants of plans: what they ask for, what they make of a layout, and that
// a trial leaves nothing over. What real drivers do is tested in tests/device.
#include <gmock/gmock.h>

#include "allocators/registry.h"
#include "tests/unit/fake_camera.h"
#include "tests/unit/fake_devices.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::uint32_t yuyv_drm = fourcc('Y', 'U', 'Y', 'V'), nv12_drm = fourcc('N', 'V', '1', '2');
constexpr ImageSpec picture{.fourcc = yuyv_drm, .width = 64, .height = 48};

ImageLayout linear(std::uint32_t fourcc = yuyv_drm, std::uint32_t stride = 0) {
    return linear_layout(fourcc, 64, 48, stride).value();
}
ImageLayout bytes(std::uint64_t size) {
    ImageLayout layout{.plane_count = 1, .memory_count = 1};
    layout.memory_sizes[0] = size;
    return layout;
}

class V4l2Participant : public CameraTest {
protected:
    static ParticipantRef capture(v4l2::Camera& camera) { return v4l2::capture_participant(camera).value(); }
    ParticipantRef output(std::uint32_t capability = V4L2_CAP_VIDEO_OUTPUT) {
        fake.can = capability;
        return v4l2::output_participant("/dev/video7").value();
    }
    static Result<Recipe> attempt(Participant& participant, const ImageLayout& layout = linear(),
                                  std::size_t size = image_bytes) {
        return participant.attempt(*memories(1, size)[0], layout);
    }
};

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
    EXPECT_THAT(refused({.fourcc = fourcc('P', '0', '1', '0'), .width = 64, .height = 48}).message(),
                AllOf(HasSubstr("P010"), HasSubstr("no such format")));
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
    error = refused();
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_EQ(error.call(), "VIDIOC_CREATE_BUFS");
    fake.capabilities = 0;
    EXPECT_TRUE(participant->ask(picture)) << "a kernel that does not say so is asked by trial";
    EXPECT_TRUE(fake.all_queued.empty());

    fake.multi_planar = true;
    fake.memories = 2;
    auto planes = open();
    EXPECT_THAT(capture(planes)->ask(picture).error().message(), HasSubstr("2 separate memories"));
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

TEST_F(V4l2Participant, ATrialIsAnImportAndIsUndone) {
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        fake.extra_bytes = 8;
        fake.lengths.clear();
        fake.formats_set = 0;
        auto camera = open();
        ASSERT_TRUE(camera.negotiate(yuyv(128, 96)));
        const auto participant = capture(camera);
        const auto memory = std::move(memories(1, image_bytes + 4096)[0]);
        const auto before = open_fds();
        const auto recipe = participant->attempt(*memory, linear());
        ASSERT_TRUE(recipe) << recipe.error().message();
        EXPECT_STREQ(recipe->use, "V4L2 buffer");
        EXPECT_EQ(fake.all_queued.back().second, borrow_fd(*memory, FdKind::dmabuf)->fd);
        EXPECT_THAT(fake.lengths, ElementsAre(image_bytes + 8))
            << "as long as it is bound, not the whole dma-buf";
        EXPECT_THAT(fake.used.back(), 0u);
        EXPECT_EQ(fake.reserved, 0u);
        EXPECT_EQ(open_fds(), before);
        EXPECT_EQ(memory->ref_count(), 1u);
        EXPECT_EQ(fake.width, 128u) << "the camera's format is as it was";
        EXPECT_EQ(fake.formats_set, 3) << "negotiated, tried, and put back";
        EXPECT_TRUE(camera.format());
        // With the format that there is nothing is set.
        ASSERT_TRUE(participant->attempt(*memories(1, fake.image)[0], bytes(1)));
        EXPECT_EQ(fake.formats_set, 3);
        EXPECT_EQ(fake.lengths.back(), fake.image);
    }
}

TEST_F(V4l2Participant, ATrialLeavesRateAndReservationAsTheyWere) {
    fake.interval = {1, 30};
    auto camera = open();
    auto request = yuyv(128, 96);
    request.rate = {5, 1};
    ASSERT_TRUE(camera.negotiate(request));
    ASSERT_EQ(camera.reserve(3).value(), 3u);
    ASSERT_TRUE(attempt(*capture(camera)));
    EXPECT_EQ(fake.interval.numerator, 1u);
    EXPECT_EQ(fake.interval.denominator, 5u);
    EXPECT_EQ(fake.reserved, 3u);
    const auto given = memories(3, fake.image);
    EXPECT_TRUE(camera.bind(given)) << "what was reserved is bound";
}

TEST_F(V4l2Participant, AnOutputIsToldHowManyBytesToRead) {
    for (const auto capability : {V4L2_CAP_VIDEO_OUTPUT, V4L2_CAP_VIDEO_M2M}) {
        for (const bool multi_planar : {false, true}) {
            fake.multi_planar = multi_planar;
            const auto participant = output(static_cast<std::uint32_t>(capability));
            const auto recipe = attempt(*participant);
            ASSERT_TRUE(recipe) << recipe.error().message();
            EXPECT_EQ(fake.used.back(), image_bytes);
            EXPECT_EQ(fake.lengths.back(), image_bytes);
            EXPECT_EQ(fake.reserved, 0u);
            EXPECT_THAT(participant->brings(), IsEmpty());
        }
    }
    // It only reads.
    const auto buffer = FakeDmaBufs::make(image_bytes);
    const auto read_only = import_dmabuf(FakeDmaBufs::reopened(buffer, O_RDONLY).get()).value();
    EXPECT_TRUE(output()->attempt(*read_only, linear()));
}

TEST_F(V4l2Participant, AQueueInUseIsBusy) {
    auto camera = ready();
    const auto participant = capture(camera);
    ASSERT_TRUE(camera.bind(memories(2)));
    const auto bound = attempt(*participant).error();
    EXPECT_EQ(bound.kind(), ErrorKind::busy);
    EXPECT_THAT(bound.message(), HasSubstr("unbind()"));
    ASSERT_TRUE(camera.start());
    EXPECT_EQ(attempt(*participant).error().kind(), ErrorKind::busy);
    EXPECT_TRUE(fake.streaming);
    EXPECT_EQ(fake.queued.size(), 2u);
    EXPECT_TRUE(participant->ask(picture)) << "asking disturbs nobody";
    ASSERT_TRUE(camera.unbind());
    EXPECT_TRUE(attempt(*participant));
    fake.reqbufs = -EBUSY;
    const auto other = attempt(*participant).error();
    EXPECT_EQ(other.kind(), ErrorKind::busy);
    EXPECT_THAT(other.message(), HasSubstr("another program"));
}

TEST_F(V4l2Participant, WhatCannotBeImportedIsRefusedBeforeTheDriverIsAsked) {
    auto camera = open();
    const auto participant = capture(camera);
    const auto refused = [&](Memory& memory) {
        auto taken = participant->attempt(memory, linear());
        EXPECT_FALSE(taken);
        return taken ? ErrorKind{} : taken.error().kind();
    };
    EXPECT_EQ(refused(*alloc(image_bytes).value()), ErrorKind::unsupported) << "memory without a dma-buf";
    const auto buffer = FakeDmaBufs::make(image_bytes);
    EXPECT_EQ(refused(*import_dmabuf(FakeDmaBufs::reopened(buffer, O_RDONLY).get()).value()),
              ErrorKind::permission)
        << "read-only";
    EXPECT_EQ(refused(*import_dmabuf(FakeDmaBufs::make(image_bytes + 4096).get(), 4096).value()),
              ErrorKind::incompatible)
        << "not at the start";
    EXPECT_EQ(refused(*memories(1, image_bytes - 1)[0]), ErrorKind::incompatible) << "too small";
    const auto stride = attempt(*participant, linear(yuyv_drm, 256), 256 * 48).error();
    EXPECT_EQ(stride.kind(), ErrorKind::incompatible);
    EXPECT_THAT(stride.message(), AllOf(HasSubstr("128"), HasSubstr("256")));
    EXPECT_EQ(fake.formats_set, 0);
    EXPECT_EQ(fake.reserved, 0u);
    EXPECT_TRUE(fake.all_queued.empty());
}

TEST_F(V4l2Participant, ARefusalHasTheCallAndWordsAndNoTrialOfItsOwn) {
    auto camera = open();
    const auto participant = capture(camera);
    fake.qbuf = [](int, std::uint32_t) { return -EFAULT; };
    auto error = attempt(*participant).error();
    EXPECT_EQ(error.kind(), ErrorKind::incompatible);
    EXPECT_EQ(error.code(), EFAULT);
    EXPECT_EQ(error.call(), "VIDIOC_QBUF");
    EXPECT_THAT(error.message(), AllOf(HasSubstr("a fake"), HasSubstr("may need memory that is physically")));
    EXPECT_THAT(fake.trial_buffers, IsEmpty()) << "twins are the plan's";
    fake.qbuf = [](int, std::uint32_t) { return -EINVAL; };
    error = attempt(*participant).error();
    EXPECT_EQ(error.kind(), ErrorKind::incompatible);
    EXPECT_THAT(error.message(), HasSubstr("cannot map the memory"));
    fake.qbuf = nullptr;
    fake.reqbufs = -EINVAL;
    error = attempt(*participant).error();
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_EQ(error.call(), "VIDIOC_REQBUFS");
    EXPECT_EQ(fake.reserved, 0u);
}

TEST_F(V4l2Participant, BringsTheCamerasOwnBuffersByTheRealNode) {
    class Own final : public Allocator {
    public:
        Own() : Allocator("v4l2") {}
    };
    ASSERT_TRUE(Allocator::register_allocator("v4l2/video7", AllocatorRef::adopt(new Own)));
    auto camera = v4l2::Camera::open("/dev/v4l/by-id/the-same").value();
    const auto brought = capture(camera)->brings();
    ASSERT_EQ(brought.size(), 1u);
    EXPECT_EQ(brought[0].get(), Allocator::find("v4l2/video7"));
    ASSERT_TRUE(Allocator::unregister("v4l2/video7"));
    EXPECT_THAT(capture(camera)->brings(), IsEmpty());
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

// Every call fails in its turn. Nothing may be left over, and the camera stays as it was.
TEST_F(V4l2Participant, AnyCallOfATrialMayFail) {
    fake.interval = {1, 30};
    auto camera = open();
    auto request = yuyv(128, 96);
    request.rate = {5, 1};
    ASSERT_TRUE(camera.negotiate(request));
    const auto participant = capture(camera);
    const auto memory = std::move(memories(1)[0]);
    KernelWatch watch;
    int failures = 0;
    for (const int reserved : {0, 3}) {
        for (int n = 1;; ++n) {
            ASSERT_TRUE(!reserved || camera.reserve(3));
            const auto before = open_fds();
            watch.fail_call(n, ENOMEM);
            const auto taken = participant->attempt(*memory, linear());
            const bool reached = watch.reached();
            const std::string failed = std::to_string(n) + ", " + watch.failed_name;
            watch.clear();
            if (!taken) {
                ++failures;
                EXPECT_FALSE(taken.error().message().empty());
            }
            EXPECT_EQ(open_fds(), before) << failed;
            EXPECT_EQ(memory->ref_count(), 1u) << failed;
            EXPECT_TRUE(fake.queued.empty()) << failed;
            EXPECT_TRUE(fake.reserved == 0 || (reserved && fake.reserved == 3)) << failed;
            EXPECT_EQ(fake.width, 128u) << failed;
            EXPECT_TRUE(camera.format()) << failed;
            if (!reached) {
                EXPECT_TRUE(taken);
                break;
            }
        }
    }
    EXPECT_GE(failures, 20);
}

TEST_F(V4l2Participant, AFormatThatCannotBePutBackIsForgotten) {
    auto camera = open();
    ASSERT_TRUE(camera.negotiate(yuyv(128, 96)));
    // A driver that keeps the buffer keeps the format too.
    fake.releases = -ENODEV;
    const auto error = attempt(*capture(camera)).error();
    EXPECT_THAT(error.message(), HasSubstr("putting the format back"));
    EXPECT_FALSE(camera.format());
}

TEST_F(V4l2Participant, AFormatThatComesBackDifferentIsForgotten) {
    auto camera = open();
    ASSERT_TRUE(camera.negotiate(yuyv(128, 96)));
    const auto participant = capture(camera);
    EXPECT_TRUE(attempt(*participant));
    EXPECT_TRUE(camera.format());
    // The trial's format, and then its own with more behind it.
    fake.qbuf = [](int, std::uint32_t) {
        FakeCamera::active->extra_bytes = 512;
        return 0;
    };
    EXPECT_TRUE(attempt(*participant));
    EXPECT_FALSE(camera.format()) << "its size is another now";
}

} // namespace
} // namespace hwalloc
