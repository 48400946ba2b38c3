// Inputs, standards, timings and signals, on a device whose every answer is made up; vivid has real ones in
// the lab.
#include <gmock/gmock.h>

#include "hwalloc/v4l2_inputs.h"
#include "tests/unit/fake_source.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

class CameraInputs : public CameraTest {
protected:
    v4l2::Camera camera = open();
    FakeSource source{fake};
};

TEST_F(CameraInputs, AreListedSelectedAndTold) {
    const auto inputs = v4l2::list_inputs(camera).value();
    ASSERT_EQ(inputs.size(), 2u);
    EXPECT_EQ(inputs[0].name, "Television");
    EXPECT_TRUE(inputs[0].has_standards && !inputs[0].has_timings);
    EXPECT_EQ(inputs[0].standards, std::uint64_t{V4L2_STD_PAL | V4L2_STD_NTSC});
    EXPECT_TRUE(!inputs[1].has_standards && inputs[1].has_timings);
    ASSERT_TRUE(v4l2::set_input(camera, 1));
    EXPECT_EQ(v4l2::current_input(camera).value().name, "HDMI 0");
    for (const std::uint32_t index : {2u, 0xffffffffu}) {
        const auto error = v4l2::set_input(camera, index).error();
        EXPECT_EQ(error.kind(), ErrorKind::invalid);
        EXPECT_THAT(error.message(),
                    AllOf(HasSubstr("selecting input " + std::to_string(index)), HasSubstr("list_inputs()")));
    }
    source.has_inputs = false;
    EXPECT_TRUE(v4l2::list_inputs(camera).value().empty());
    EXPECT_EQ(v4l2::current_input(camera).error().kind(), ErrorKind::unsupported);
    EXPECT_TRUE(v4l2::check_signal(camera)) << "a device that knows nothing of signals";
}

TEST_F(CameraInputs, HaveStandards) {
    const auto standards = v4l2::list_standards(camera).value();
    ASSERT_EQ(standards.size(), 2u);
    EXPECT_EQ(standards[0].name, "PAL");
    EXPECT_EQ(standards[0].lines, 625u);
    EXPECT_DOUBLE_EQ(standards[0].rate.value(), 25);
    source.received = V4L2_STD_NTSC_M;
    const auto found = v4l2::detect_standard(camera).value();
    EXPECT_EQ(found, std::uint64_t{V4L2_STD_NTSC_M});
    ASSERT_TRUE(v4l2::set_standard(camera, found));
    EXPECT_EQ(v4l2::current_standard(camera).value(), found);
    EXPECT_EQ(v4l2::set_standard(camera, V4L2_STD_SECAM).error().kind(), ErrorKind::invalid);
    source.received = V4L2_STD_UNKNOWN;
    EXPECT_EQ(v4l2::detect_standard(camera).error().code(), ENOLINK);
    source.input = 1;
    for (const Error& error :
         {v4l2::list_standards(camera).error(), v4l2::current_standard(camera).error()}) {
        EXPECT_EQ(error.kind(), ErrorKind::unsupported) << "not at this input";
        EXPECT_THAT(error.message(), HasSubstr("select another"));
    }
}

TEST_F(CameraInputs, HaveTimings) {
    ASSERT_TRUE(v4l2::set_input(camera, 1));
    const auto listed = v4l2::list_timings(camera).value();
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_DOUBLE_EQ(listed[0].pictures_a_second(), 60);
    source.signal = source.mode(1920, 1080, 50 * 2112 * 1188);
    const auto found = v4l2::detect_timings(camera).value();
    ASSERT_TRUE(v4l2::set_timings(camera, found));
    EXPECT_EQ(std::memcmp(&source.timings, &source.signal, sizeof source.signal), 0)
        << "every number of them";
    EXPECT_EQ(v4l2::current_timings(camera).value(), found);
    source.set_timings = -ERANGE;
    const auto error = v4l2::set_timings(camera, found).error();
    EXPECT_THAT(error.message(), HasSubstr("1920x1080 progressive, 50 pictures a second"));
}

TEST_F(CameraInputs, WhatChangesTheSourceForgetsTheFormat) {
    const auto changes = [&](auto change) {
        EXPECT_TRUE(camera.negotiate(yuyv()));
        EXPECT_TRUE(camera.bind(memories(2)));
        const auto bound = change();
        EXPECT_EQ(bound.error().kind(), ErrorKind::invalid) << "memory is bound";
        EXPECT_NE(camera.format(), nullptr);
        EXPECT_TRUE(camera.unbind());
        EXPECT_EQ(camera.reserve(2).value(), 2u);
        EXPECT_TRUE(change());
        EXPECT_EQ(fake.reserved, 0u) << "a reservation would hold the driver to its source";
        EXPECT_EQ(camera.format(), nullptr);
    };
    changes([&] { return v4l2::set_input(camera, 0); });
    changes([&] { return v4l2::set_standard(camera, V4L2_STD_NTSC); });
    changes([&] { return v4l2::set_timings(camera, {.width = 640, .height = 480}); });
}

TEST_F(CameraInputs, ASignalThatIsMissingIsToldInWords) {
    struct Row {
        int input;
        std::uint32_t status;
        int query;
        ErrorKind kind;
        int code;
        const char* words;
    };
    const Row rows[] = {
        {0, V4L2_IN_ST_NO_SIGNAL, 0, ErrorKind::unavailable, ENOLINK, "no signal at input 0 (Television)"},
        {0, V4L2_IN_ST_NO_H_LOCK, 0, ErrorKind::unavailable, ENOLCK, "not stable at input 0"},
        {0, V4L2_IN_ST_NO_POWER, 0, ErrorKind::unavailable, 0, "no power at input 0"},
        {1, V4L2_IN_ST_NO_SIGNAL, -ENOLINK, ErrorKind::unavailable, ENOLINK, "no signal at input 1 (HDMI 0)"},
        {1, V4L2_IN_ST_NO_SYNC, 0, ErrorKind::unavailable, ENOLCK, "not stable at input 1"},
        {1, 0, -ENOLCK, ErrorKind::unavailable, ENOLCK, "not stable at input 1"},
        {1, 0, -ERANGE, ErrorKind::unavailable, ERANGE, "cannot receive the signal at input 1"},
    };
    for (const Row& row : rows) {
        source.input = row.input;
        source.status = row.status;
        source.query_timings = row.query;
        const auto signal = v4l2::check_signal(camera);
        ASSERT_FALSE(signal) << row.words;
        EXPECT_EQ(signal.error().kind(), row.kind) << row.words;
        EXPECT_EQ(signal.error().code(), row.code) << row.words;
        EXPECT_THAT(signal.error().message(), AllOf(HasSubstr(row.words), HasSubstr("/dev/video7")));
        const auto listed = v4l2::list_cameras().value();
        ASSERT_FALSE(listed.empty());
        ASSERT_TRUE(listed[0].why) << row.words;
        EXPECT_THAT(listed[0].why->message(), HasSubstr(row.words));
    }
    source.status = 0;
    source.query_timings = 0;
    EXPECT_TRUE(v4l2::check_signal(camera));
    for (const int unable : {-ENOTTY, -ENODATA, -EBUSY}) {
        source.query_timings = unable; // a device that cannot detect them, or not now
        EXPECT_TRUE(v4l2::check_signal(camera)) << unable;
    }
}

TEST_F(CameraInputs, AnotherSignalThanTheDeviceIsSetToIsToldWithBoth) {
    source.received = V4L2_STD_NTSC_M;
    EXPECT_THAT(
        v4l2::check_signal(camera).error().message(),
        AllOf(HasSubstr("is set to PAL, and the signal is NTSC at input 0"), HasSubstr("set_standard()")));
    source.received = V4L2_STD_PAL | V4L2_STD_NTSC;
    EXPECT_TRUE(v4l2::check_signal(camera)) << "it may be what is set";
    source.input = 1;
    source.signal = source.mode(1920, 1080, 60ull * 2112 * 1188 * 1000 / 1001);
    const auto error = v4l2::check_signal(camera).error();
    EXPECT_EQ(error.kind(), ErrorKind::incompatible);
    EXPECT_THAT(error.message(),
                AllOf(HasSubstr("is set to 1280x720 progressive, 60 pictures a second, and the signal is "
                                "1920x1080 progressive, 59.94 pictures a second at input 1"),
                      HasSubstr("set_timings()")));
    EXPECT_FALSE(v4l2::list_cameras().value()[0].why) << "which a capture mends";
    source.timings = source.mode(1920, 1080, 60 * 2112 * 1188);
    EXPECT_TRUE(v4l2::check_signal(camera)) << "59.94 and 60 are measured, and one mode";
}

// ---- events

class CameraEvents : public CameraInputs {
protected:
    void stream() {
        ASSERT_TRUE(camera.negotiate(yuyv()));
        ASSERT_TRUE(camera.bind(memories(2)));
        ASSERT_TRUE(camera.start());
    }
};

TEST_F(CameraEvents, AChangeOfTheSourceIsToldOnceAndTheStreamGoesOn) {
    source.input = 1;
    stream();
    ASSERT_FALSE(source.subscribed.empty());
    EXPECT_EQ(source.subscribed[0].type, __u32{V4L2_EVENT_SOURCE_CHANGE});
    EXPECT_EQ(source.subscribed[0].id, 1u) << "V4L2 keeps events of each input apart";
    for (const int timeout_ms : {0, 1000}) {
        source.tell(V4L2_EVENT_SOURCE_CHANGE, 1);
        source.signal = source.mode(1920, 1080, 60 * 2112 * 1188);
        fake.poll_events = POLLPRI;
        fake.dequeues = {timeout_ms ? 0 : -EAGAIN};
        const auto changed = camera.dequeue(timeout_ms);
        ASSERT_FALSE(changed) << timeout_ms;
        EXPECT_EQ(changed.error().kind(), ErrorKind::incompatible);
        EXPECT_THAT(changed.error().message(), AllOf(HasSubstr("1920x1080"), HasSubstr("negotiate()")));
        EXPECT_TRUE(fake.polled & POLLPRI);
        fake.poll_events = POLLIN;
        fake.dequeues.clear();
        const auto frame = camera.dequeue(timeout_ms);
        ASSERT_TRUE(frame) << frame.error().message();
        ASSERT_TRUE(camera.queue(frame->index));
    }
    // Back to what it was, which cannot be told from a moment's loss; then gone.
    source.signal = source.timings;
    fake.poll_events = POLLPRI;
    source.tell(V4L2_EVENT_SOURCE_CHANGE, 1);
    EXPECT_EQ(camera.dequeue(1000).error().kind(), ErrorKind::incompatible);
    source.query_timings = -ENOLINK;
    source.tell(V4L2_EVENT_SOURCE_CHANGE, 1);
    const auto gone = camera.dequeue(1000).error();
    EXPECT_EQ(gone.kind(), ErrorKind::unavailable);
    EXPECT_EQ(gone.code(), ENOLINK);
    EXPECT_THAT(gone.message(), HasSubstr("no signal at input 1"));
}

TEST_F(CameraEvents, AFrameThatIsThereComesBeforeTheEndOfTheStream) {
    stream();
    source.tell(V4L2_EVENT_EOS);
    fake.poll_events = POLLIN | POLLPRI;
    const auto frame = camera.dequeue(1000);
    ASSERT_TRUE(frame) << frame.error().message();
    ASSERT_TRUE(camera.queue(frame->index));
    for (const int timeout_ms : {-1, 0, 1000}) {
        fake.dequeues = {-EAGAIN};
        const auto over = camera.dequeue(timeout_ms).error();
        EXPECT_EQ(over.kind(), ErrorKind::unavailable);
        EXPECT_EQ(over.code(), EPIPE) << "and no wait";
    }
    ASSERT_TRUE(camera.stop());
    ASSERT_TRUE(camera.start());
    fake.poll_events = POLLIN;
    EXPECT_TRUE(camera.dequeue(1000));
}

TEST_F(CameraEvents, TheEndIsToldAtOnceWhereAnEventLoopAsks) {
    stream();
    source.tell(V4L2_EVENT_EOS);
    fake.poll_events = POLLPRI;
    fake.dequeues = {-EAGAIN, -EAGAIN};
    EXPECT_EQ(camera.dequeue(0).error().code(), EPIPE) << "the descriptor is not ready for it again";
}

TEST_F(CameraEvents, AFrameMarkedAsTheLastIsTheLast) {
    stream();
    fake.buffer_flags = V4L2_BUF_FLAG_LAST | V4L2_BUF_FLAG_KEYFRAME | V4L2_BUF_FLAG_TSTAMP_SRC_SOE;
    const auto last = camera.dequeue(1000).value();
    EXPECT_TRUE(last.last && last.key && last.at_exposure && !last.monotonic);
    fake.dequeues = {-EAGAIN};
    EXPECT_EQ(camera.dequeue(-1).error().code(), EPIPE);
}

TEST_F(CameraEvents, EventsOfNoMatterAndNoneAreNoFrame) {
    stream();
    source.tell(V4L2_EVENT_CTRL, 7);
    source.tell(V4L2_EVENT_SOURCE_CHANGE, 1); // of an input that is not selected
    fake.poll_events = POLLPRI;
    fake.dequeues = {-EAGAIN, -EAGAIN};
    fake.polls = {1, 0};
    EXPECT_EQ(camera.dequeue(100).error().code(), ETIMEDOUT);
    EXPECT_TRUE(source.events.empty()) << "or poll would return for ever";
}

TEST_F(CameraEvents, ADriverWithoutEventsIsWaitedForAsBefore) {
    source.has_events = false;
    stream();
    fake.calls = 0;
    for (int i = 0; i < 10; ++i) {
        const auto frame = camera.dequeue(1000);
        ASSERT_TRUE(frame);
        EXPECT_EQ(fake.polled, POLLIN);
        ASSERT_TRUE(camera.queue(frame->index));
    }
    EXPECT_EQ(fake.calls, 30);
}

TEST_F(CameraEvents, AreAskedForOfTheInputThatIsSelected) {
    EXPECT_FALSE(v4l2::source_changed(camera).value());
    source.tell(V4L2_EVENT_SOURCE_CHANGE, 0);
    EXPECT_TRUE(v4l2::source_changed(camera).value());
    EXPECT_FALSE(v4l2::source_changed(camera).value());
    ASSERT_TRUE(v4l2::set_input(camera, 1));
    source.tell(V4L2_EVENT_SOURCE_CHANGE, 1);
    ASSERT_TRUE(camera.negotiate(yuyv()));
    EXPECT_FALSE(v4l2::source_changed(camera).value()) << "negotiate() met the new source";
    ASSERT_EQ(source.unsubscribed.size(), 1u);
    EXPECT_EQ(source.unsubscribed[0].id, 0u);
    EXPECT_EQ(source.subscribed.back().type, __u32{V4L2_EVENT_EOS});
    source.tell(V4L2_EVENT_SOURCE_CHANGE, 1);
    EXPECT_TRUE(v4l2::source_changed(camera).value());
}

// ---- fields

TEST_F(CameraTest, FieldsAreAskedForAndToldAsTheyAre) {
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        auto camera = open();
        auto request = yuyv();
        fake.answered_field = V4L2_FIELD_NONE;
        EXPECT_EQ(camera.negotiate(request).value().field, v4l2::Field::progressive);
        EXPECT_EQ(fake.asked_field, std::uint32_t{V4L2_FIELD_NONE});
        request.field = v4l2::Field::alternate;
        fake.answered_field = V4L2_FIELD_ALTERNATE;
        const auto format = camera.negotiate(request).value();
        EXPECT_EQ(fake.asked_field, std::uint32_t{V4L2_FIELD_ALTERNATE});
        EXPECT_EQ(format.field, v4l2::Field::alternate);
        EXPECT_TRUE(v4l2::is_one_field(format.field) && !v4l2::has_both_fields(format.field));
        EXPECT_EQ(camera.current_format().value().field, v4l2::Field::alternate);
        ASSERT_TRUE(camera.bind(memories(2)));
        ASSERT_TRUE(camera.start());
        for (const auto field : {V4L2_FIELD_TOP, V4L2_FIELD_BOTTOM}) {
            fake.frame_field = field;
            const auto frame = camera.dequeue(1000).value();
            EXPECT_EQ(frame.field, static_cast<v4l2::Field>(field));
            ASSERT_TRUE(camera.queue(frame.index));
        }
        fake.frame_field = V4L2_FIELD_ANY; // a driver that does not say: as the format has it
        EXPECT_EQ(camera.dequeue(1000).value().field, v4l2::Field::alternate);
    }
    for (int field = V4L2_FIELD_ANY; field <= V4L2_FIELD_INTERLACED_BT; ++field)
        EXPECT_NE(v4l2::to_string(static_cast<v4l2::Field>(field)), "unknown") << field;
}

// ---- rates

TEST_F(CameraTest, RatesAreToldForAFormatAndSize) {
    auto camera = open();
    EXPECT_TRUE(camera.list_rates(V4L2_PIX_FMT_YUYV, 64, 48).value().empty()) << "the driver does not tell";
    static bool stepwise;
    fake.more = [](unsigned long request, void* argument) {
        if (request != VIDIOC_ENUM_FRAMEINTERVALS)
            return -ENOTTY;
        auto& one = *static_cast<v4l2_frmivalenum*>(argument);
        EXPECT_EQ(one.pixel_format, __u32{V4L2_PIX_FMT_YUYV});
        EXPECT_EQ(one.width, 64u);
        EXPECT_EQ(one.height, 48u);
        if (one.index > (stepwise ? 0u : 1u))
            return -EINVAL;
        one.type = stepwise ? V4L2_FRMIVAL_TYPE_CONTINUOUS : V4L2_FRMIVAL_TYPE_DISCRETE;
        if (stepwise)
            one.stepwise = {{1, 60}, {2, 1}, {1, 1}};
        else
            one.discrete = one.index ? v4l2_fract{1, 10} : v4l2_fract{1001, 30000};
        return 0;
    };
    const auto listed = camera.list_rates(V4L2_PIX_FMT_YUYV, 64, 48).value();
    ASSERT_EQ(listed.size(), 2u);
    EXPECT_TRUE(listed[0].has({30, 1}) && listed[0].has({30000, 1001}) && !listed[0].has({10, 1}));
    EXPECT_TRUE(listed[1].has({10, 1}) && !listed[1].has({30, 1}));
    stepwise = true;
    const auto range = camera.list_rates(V4L2_PIX_FMT_YUYV, 64, 48).value();
    ASSERT_EQ(range.size(), 1u);
    EXPECT_DOUBLE_EQ(range[0].min.value(), 0.5);
    EXPECT_DOUBLE_EQ(range[0].max.value(), 60);
    EXPECT_TRUE(range[0].has({15, 1}) && !range[0].has({61, 1}));
    fake.more = [](unsigned long, void*) { return 0; }; // a driver that does not look at the index
    EXPECT_LE(camera.list_rates(V4L2_PIX_FMT_YUYV, 64, 48).value().size(), 1u);
}

} // namespace
} // namespace hwalloc
