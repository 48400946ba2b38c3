// A camera whose node is called otherwise than the kernel calls it, as a container can have it: its own
// buffers are found by the device's number.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>

#include "backends/v4l2/camera_buffers.h"
#include "hwalloc/plan.h"
#include "hwalloc/v4l2_own_buffers.h"
#include "tests/unit/v4l2_participant_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// "docker run --device /dev/video7:/dev/cam"
class CameraNodeTest : public V4l2Participant {
protected:
    CameraNodeTest() {
        made_up = kernel;
        video7_is_there = false;
        number_of_video7 = 0;
        kernel.open = [](const char* path, int flags) {
            return made_up.open(std::string_view(path) == "/dev/cam" ? "/dev/video7" : path, flags);
        };
        kernel.stat = [](const char* path, struct stat* status) {
            const bool renamed = std::string_view(path) == "/dev/cam";
            if (!renamed && std::string_view(path) == "/dev/video7" && !video7_is_there)
                return -ENOENT;
            const int done = made_up.stat(renamed ? "/dev/video7" : path, status);
            if (std::string_view(path) == "/dev/video7")
                status->st_rdev = number_of_video7;
            return done;
        };
        kernel.list_directory = [](const char* path, bool (*each)(const char*, void*), void* user) {
            if (std::string_view(path) != "/dev")
                return real_kernel().list_directory(path, each, user);
            each("cam", user);
            if (video7_is_there)
                each("video7", user);
            return 0;
        };
        kernel.readlink = [](const char* path, char* buffer, std::size_t size) -> ssize_t {
            const ssize_t length = made_up.readlink(path, buffer, size);
            const std::string_view renamed = "/dev/cam";
            return length > 0 && std::string_view(buffer, static_cast<std::size_t>(length)) == "/dev/video7"
                       ? static_cast<ssize_t>(renamed.copy(buffer, size))
                       : length;
        };
        fake.refuses_dma_buf = true;
        fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
        registered = Allocator::register_allocator("v4l2/video7", v4l2::detail::camera_buffers("/dev/video7"))
                         .has_value();
    }
    ~CameraNodeTest() override {
        forget_plans();
        if (registered)
            (void)Allocator::unregister("v4l2/video7");
    }
    static v4l2::Camera renamed() {
        auto camera = v4l2::Camera::open("/dev/cam");
        EXPECT_TRUE(camera) << camera.error().message();
        EXPECT_TRUE(camera->negotiate(yuyv()));
        return std::move(*camera);
    }

    bool registered = false;
    static inline decltype(kernel) made_up = kernel;
    static inline bool video7_is_there = false;
    static inline dev_t number_of_video7 = 0; // the camera's is 0
};

TEST_F(CameraNodeTest, WhatNoCameraIsCalledHasItsOwnBuffersWithoutAName) {
    auto camera = renamed();
    ASSERT_TRUE(v4l2::has_only_own_buffers(camera));
    const auto own = capture(camera)->own_allocators();
    ASSERT_EQ(own.size(), 1u);
    EXPECT_EQ(own[0]->name(), "");
    EXPECT_EQ(capture(camera)->own_allocators().at(0).get(), own[0].get()) << "the same each time";
    const ParticipantRef participant = capture(camera);
    const PlanRef made = plan({.participants = {&participant, 1}, .image = picture}).value();
    ASSERT_NE(made->choice(), nullptr) << made->error()->message();
    EXPECT_EQ(made->choice()->name, "own memory of camera /dev/cam (a fake)");
    EXPECT_THAT(made->choice()->cells[0].recipe.once, HasSubstr("v4l2::bind_own()"));
    ASSERT_TRUE(v4l2::bind_own(camera, 2));
    EXPECT_EQ(&camera.memory(0)->allocator(), own[0].get());
}

TEST_F(CameraNodeTest, ASecondNodeOfTheDeviceHasTheNameOfTheFirst) {
    video7_is_there = true;
    auto camera = renamed();
    EXPECT_EQ(capture(camera)->own_allocators().at(0)->name(), "v4l2/video7");
    ASSERT_TRUE(v4l2::bind_own(camera, 2));
    EXPECT_EQ(camera.memory(0)->allocator().name(), "v4l2/video7");
}

TEST_F(CameraNodeTest, AnotherDeviceUnderItsNameIsNotTaken) {
    video7_is_there = true;
    number_of_video7 = 8;
    // As the kernel still calls a file that came from outside the container.
    kernel.readlink = made_up.readlink;
    auto camera = renamed();
    EXPECT_EQ(capture(camera)->own_allocators().at(0)->name(), "");
    ASSERT_TRUE(v4l2::bind_own(camera, 2));
    EXPECT_EQ(camera.memory(0)->allocator().name(), "");
}

} // namespace
} // namespace hwalloc
