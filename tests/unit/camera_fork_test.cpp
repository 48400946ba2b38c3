// A camera that was open when its process forked: parent and child have one open file of it, and so one
// stream. Whatever the child does, the parent's goes on.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "hwalloc/v4l2_controls.h"
#include "hwalloc/v4l2_inputs.h"
#include "hwalloc/v4l2_own_buffers.h"
#include "hwalloc/v4l2_selection.h"
#include "tests/unit/allocations.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc::v4l2 {
namespace {

using namespace hwalloc::testing;
using ::testing::HasSubstr;

class CameraForkTest : public CameraTest {
protected:
    void SetUp() override {
#ifdef __SANITIZE_THREAD__
        GTEST_SKIP() << "fork holds every lock of the library at once, and ThreadSanitizer bears 63 of them";
#endif
        camera = ready();
        for (MemoryRef& memory : memories(3))
            held.push_back(std::move(memory));
        ASSERT_TRUE(camera->bind(held));
        ASSERT_TRUE(camera->start());
    }
    // What fails in a child, each as a line of text on standard error; whether nothing did.
    template<class Check>
    static bool in_child(Check&& check) {
        const pid_t child = ::fork();
        if (child == 0) {
            check();
            ::_exit(::testing::Test::HasFailure() ? 1 : 0);
        }
        int status = -1;
        return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    // The child's copy of the made-up driver: what it was called for in the child.
    void expect_untouched(int calls_before) const {
        EXPECT_EQ(fake.calls, calls_before);
        EXPECT_TRUE(fake.streaming);
        EXPECT_EQ(fake.reserved, 3u);
    }

    std::optional<Camera> camera;
    std::vector<MemoryRef> held;
};

TEST_F(CameraForkTest, ClosingItInTheChildStopsNothing) {
    EXPECT_TRUE(in_child([&] {
        const int calls = fake.calls;
        EXPECT_TRUE(camera->close()) << "nothing of the child's own is left";
        expect_untouched(calls);
    }));
    EXPECT_TRUE(in_child([&] {
        const int calls = fake.calls;
        camera.reset(); // as at the end of a process that does not call _exit()
        expect_untouched(calls);
    }));
    EXPECT_TRUE(camera->dequeue(0)) << "the parent's stream goes on";
}

TEST_F(CameraForkTest, AFrameThatEndsInTheChildStaysTheParents) {
    std::optional<HeldFrame> frame;
    {
        auto taken = camera->take(0);
        ASSERT_TRUE(taken);
        frame.emplace(std::move(*taken));
    }
    EXPECT_TRUE(in_child([&] {
        const int calls = fake.calls;
        EXPECT_TRUE(frame->map()) << "its bytes are memory like any other";
        frame.reset();
        expect_untouched(calls);
    }));
    EXPECT_TRUE(frame->queue());
}

TEST_F(CameraForkTest, WhatTheChildAsksOfItIsRefused) {
    EXPECT_TRUE(in_child([&] {
        const int calls = fake.calls;
        const auto refused = [](const auto& result, const char* what) {
            ASSERT_FALSE(result) << what;
            EXPECT_EQ(result.error().kind(), ErrorKind::invalid) << what << ": " << result.error().message();
            EXPECT_THAT(result.error().message(), HasSubstr("fork()")) << what;
            EXPECT_THAT(result.error().message(), HasSubstr("/dev/video7")) << what;
        };
        refused(camera->dequeue(0), "dequeue");
        refused(camera->take(0), "take");
        refused(camera->stop(), "stop");
        refused(camera->list_formats(), "list_formats");
        refused(camera->current_format(), "current_format");
        refused(camera->list_rates(V4L2_PIX_FMT_YUYV, 64, 48), "list_rates");
        refused(v4l2::list_inputs(*camera), "list_inputs");
        refused(v4l2::check_signal(*camera), "check_signal");
        refused(v4l2::source_changed(*camera), "source_changed");
        refused(v4l2::detect_timings(*camera), "detect_timings");
        refused(v4l2::list_controls(*camera), "list_controls");
        refused(v4l2::set_control(*camera, V4L2_CID_BRIGHTNESS, 1), "set_control");
        refused(v4l2::get_selection(*camera, v4l2::Selection::crop), "get_selection");
        auto participant = capture_participant(*camera);
        ASSERT_TRUE(participant);
        refused((*participant)->ask({.fourcc = fourcc('Y', 'U', 'Y', 'V'), .width = 64, .height = 48}),
                "a participant");
        refused(camera->unbind(), "unbind");
        EXPECT_EQ(camera->bound(), 0u) << "the child's handles go in any case";
        refused(camera->negotiate(yuyv()), "negotiate");
        refused(v4l2::set_input(*camera, 0), "set_input");
        expect_untouched(calls);
    }));
    EXPECT_TRUE(camera->dequeue(0));
}

TEST_F(CameraForkTest, OneThatIsReservedIsNotReleasedByTheChild) {
    ASSERT_TRUE(camera->unbind());
    ASSERT_TRUE(camera->reserve(3));
    EXPECT_TRUE(in_child([&] {
        const int calls = fake.calls;
        EXPECT_THAT(v4l2::bind_own(*camera, 2).error().message(), HasSubstr("fork()"));
        EXPECT_FALSE(camera->bind(held));
        EXPECT_FALSE(camera->reserve(2));
        camera.reset();
        EXPECT_EQ(fake.calls, calls);
        EXPECT_EQ(fake.reserved, 3u);
    }));
    EXPECT_TRUE(camera->bind(held));
}

TEST_F(CameraForkTest, TheChildOpensTheDeviceAnew) {
    const auto kept = capture_participant(*camera); // so the parent's open file is there to be found
    EXPECT_TRUE(in_child([&] {
        auto own = Camera::open("/dev/video7");
        ASSERT_TRUE(own);
        EXPECT_TRUE(own->current_format()) << "it is the child's own open file";
        auto bound = own->negotiate(yuyv());
        ASSERT_FALSE(bound) << "the queue is the parent's";
        EXPECT_EQ(bound.error().kind(), ErrorKind::busy);
        EXPECT_THAT(bound.error().message(), HasSubstr("another program"));
        EXPECT_TRUE(fake.streaming);
        camera.reset();
        EXPECT_TRUE(Camera::open("/dev/video7")->current_format());
    }));
    ASSERT_TRUE(camera->unbind());
    EXPECT_TRUE(in_child([&] {
        auto own = Camera::open("/dev/video7");
        ASSERT_TRUE(own);
        EXPECT_TRUE(own->negotiate(yuyv()));
        EXPECT_TRUE(own->bind(held));
    }));
}

// Another thread of the child may let go of the parent's open file at any moment, so that a look for open
// files is its last owner. Here that moment is each request for memory in turn.
class LastOwnerInTheChild {
public:
    LastOwnerInTheChild(ParticipantRef& owner, int request) : owner_(owner), request_(request) {
        active = this;
        kernel.close = [](int fd) {
            if (active && !active->is_letting_go_)
                active->use_cameras();
            return real_kernel().close(fd);
        };
        before_allocation = [] { active->let_go_when_due(); };
    }
    ~LastOwnerInTheChild() {
        before_allocation = nullptr;
        active = nullptr;
    }
    LastOwnerInTheChild(const LastOwnerInTheChild&) = delete;
    LastOwnerInTheChild& operator=(const LastOwnerInTheChild&) = delete;

private:
    void let_go_when_due() {
        if (--request_ != 0)
            return;
        is_letting_go_ = true;
        owner_.reset();
        is_letting_go_ = false;
    }
    // Waits for ever, when the table of open files is locked.
    static void use_cameras() {
        before_allocation = nullptr;
        active = nullptr;
        EXPECT_TRUE(Camera::open("/dev/video7"));
    }

    static inline LastOwnerInTheChild* active = nullptr;
    ParticipantRef& owner_;
    int request_;
    bool is_letting_go_ = false;
};

TEST_F(CameraForkTest, TheParentsOpenFileEndsOutsideOfTheLock) {
    if (!sees_allocations)
        GTEST_SKIP() << "a sanitizer has the allocation functions";
    ParticipantRef owner;
    {
        auto made = capture_participant(*camera);
        ASSERT_TRUE(made);
        owner = *std::move(made);
    }
    camera.reset();
    for (int request = 1; request <= 30; ++request)
        ASSERT_TRUE(in_child([&] {
            ::alarm(60); // ends one that hangs
            const LastOwnerInTheChild last(owner, request);
            const auto own = Camera::open("/dev/video7");
            EXPECT_TRUE(own) << own.error().message();
        })) << "let go of before request "
            << request << " for memory";
}

} // namespace
} // namespace hwalloc::v4l2
