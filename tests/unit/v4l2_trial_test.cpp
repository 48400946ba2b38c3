// Memory that is tried on a camera or a video output, and that a trial leaves nothing over.
#include "tests/unit/v4l2_participant_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using V4l2TrialTest = V4l2Participant;

TEST_F(V4l2TrialTest, ATrialIsAnImportAndIsUndone) {
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

// Bytes can be captured so; a picture that others are to see cannot.
TEST_F(V4l2TrialTest, AnOddSizeWithoutRoomForItsChromaIsNoPictureOfAPlan) {
    auto camera = open();
    const auto participant = capture(camera);
    const auto layout = linear_layout(nv12_drm, 63, 47).value();
    const auto refused = participant->attempt(*memories(1, layout.memory_sizes[0])[0], layout);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::incompatible);
    EXPECT_THAT(refused.error().message(), AllOf(HasSubstr("odd size"), HasSubstr("even width")));
    EXPECT_FALSE(participant->ask({.fourcc = nv12_drm, .width = 63, .height = 47}));
}

TEST_F(V4l2TrialTest, ATrialLeavesRateAndReservationAsTheyWere) {
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

// Each of a USB camera's requests takes its time.
TEST_F(V4l2TrialTest, AllTrialsOfAPlanSetTheFormatOnce) {
    fake.interval = {1, 30};
    fake.has_selections = true;
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        fake.crop = fake.compose = {0, 0, 128, 96};
        auto camera = open();
        auto request = yuyv(128, 96);
        request.rate = {5, 1};
        ASSERT_TRUE(camera.negotiate(request));
        ASSERT_EQ(camera.reserve(3).value(), 3u);
        fake.formats_set = 0;
        const auto participant = capture(camera);
        ASSERT_TRUE(participant->begin_trials(linear()));
        ASSERT_TRUE(participant->begin_trials(linear())) << "it may take part twice";
        for (int i = 0; i < 5; ++i)
            ASSERT_TRUE(attempt(*participant));
        EXPECT_EQ(fake.formats_set, 1);
        EXPECT_EQ(fake.width, 64u);
        // An allocator that lays pixels out its own way.
        fake.stride_step = 64;
        ASSERT_TRUE(attempt(*participant, linear(yuyv_drm, 192), std::size_t{192} * 48));
        EXPECT_EQ(fake.formats_set, 3);
        fake.stride_step = 0;
        participant->end_trials();
        participant->end_trials();
        EXPECT_EQ(fake.formats_set, 4);
        EXPECT_EQ(fake.width, 128u);
        EXPECT_EQ(fake.compose.width, 128u);
        EXPECT_EQ(fake.interval.denominator, 5u);
        EXPECT_EQ(fake.reserved, 3u);
        EXPECT_TRUE(camera.format());
        // With the format that there is nothing is set.
        ASSERT_TRUE(camera.negotiate(yuyv()));
        fake.formats_set = 0;
        ASSERT_TRUE(participant->begin_trials(linear()));
        participant->end_trials();
        ASSERT_TRUE(participant->begin_trials(bytes(1)));
        participant->end_trials();
        EXPECT_EQ(fake.formats_set, 0);
    }
}

TEST_F(V4l2TrialTest, TrialsThatCannotBeginLeaveNothingChanged) {
    const auto begun = [&](int fails_at) {
        fake.fails_at = 0;
        auto camera = open();
        EXPECT_TRUE(camera.negotiate(yuyv(128, 96)));
        EXPECT_TRUE(camera.reserve(2));
        const auto participant = capture(camera);
        fake.calls = 0;
        fake.fails_at = fails_at;
        const auto ready = participant->begin_trials(linear());
        const bool met = fake.calls >= fails_at;
        fake.fails_at = 0;
        EXPECT_TRUE(ready || !ready.error().call().empty()) << fails_at;
        participant->end_trials();
        EXPECT_EQ(fake.width, 128u) << fails_at;
        EXPECT_EQ(fake.reserved, 2u) << fails_at;
        return met;
    };
    int fails_at = 1;
    while (begun(fails_at))
        ++fails_at;
    EXPECT_GT(fails_at, 4);
    fake.answered_format = V4L2_PIX_FMT_NV12;
    auto camera = open();
    EXPECT_EQ(capture(camera)->begin_trials(linear()).error().kind(), ErrorKind::incompatible);
}

TEST_F(V4l2TrialTest, ATrialLeavesTheRateOfACameraThatNobodyNegotiated) {
    auto camera = open();
    const auto participant = capture(camera);
    ASSERT_TRUE(camera.current_format());
    fake.interval = {1, 60};
    ASSERT_TRUE(attempt(*participant));
    EXPECT_EQ(fake.interval.denominator, 60u);
    EXPECT_FALSE(camera.format());
}

TEST_F(V4l2TrialTest, ATrialLeavesTheRectanglesWhereTheyWere) {
    fake.has_selections = true;
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        auto camera = open();
        ASSERT_TRUE(camera.negotiate(yuyv(128, 96)));
        fake.crop = {.left = 8, .top = 4, .width = 64, .height = 48};
        fake.compose = {.left = 0, .top = 0, .width = 128, .height = 96};
        ASSERT_TRUE(attempt(*capture(camera)));
        EXPECT_EQ(fake.compose.width, 128u) << "or a picture would fill a corner of the buffer";
        EXPECT_EQ(fake.compose.height, 96u);
        EXPECT_EQ(fake.crop.left, 8);
    }
}

TEST_F(V4l2TrialTest, AnOutputIsToldHowManyBytesToRead) {
    for (const auto capability : {V4L2_CAP_VIDEO_OUTPUT, V4L2_CAP_VIDEO_M2M}) {
        for (const bool multi_planar : {false, true}) {
            fake.multi_planar = multi_planar;
            const auto participant = output(static_cast<std::uint32_t>(capability));
            const auto recipe = attempt(*participant);
            ASSERT_TRUE(recipe) << recipe.error().message();
            EXPECT_EQ(fake.used.back(), image_bytes);
            EXPECT_EQ(fake.lengths.back(), image_bytes);
            EXPECT_EQ(fake.reserved, 0u);
            EXPECT_THAT(participant->own_allocators(), IsEmpty());
        }
    }
    // It only reads.
    const auto buffer = FakeDmaBufs::make(image_bytes);
    const auto read_only = import_dmabuf(FakeDmaBufs::reopened(buffer, O_RDONLY).get()).value();
    EXPECT_TRUE(output()->attempt(*read_only, linear()));
}

TEST_F(V4l2TrialTest, AQueueInUseIsBusy) {
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

TEST_F(V4l2TrialTest, WhatCannotBeImportedIsRefusedBeforeTheDriverIsAsked) {
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

TEST_F(V4l2TrialTest, ARefusalHasTheCallAndWordsAndNoTrialOfItsOwn) {
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

// Every call fails in its turn. Nothing may be left over, and the camera stays as it was.
TEST_F(V4l2TrialTest, AnyCallOfATrialMayFail) {
    fake.interval = {1, 30};
    fake.has_selections = true;
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

TEST_F(V4l2TrialTest, AFormatThatCannotBePutBackIsForgotten) {
    auto camera = open();
    ASSERT_TRUE(camera.negotiate(yuyv(128, 96)));
    // A driver that keeps the buffer keeps the format too.
    fake.releases = -ENODEV;
    const auto error = attempt(*capture(camera)).error();
    EXPECT_THAT(error.message(), HasSubstr("putting the format back"));
    EXPECT_FALSE(camera.format());
}

TEST_F(V4l2TrialTest, AFormatThatComesBackDifferentIsForgotten) {
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
