// What parent and child of a fork have together at real drivers: the stream of a camera, and events of
// devices. Whatever the child does, the parent's go on.
#include <gmock/gmock.h>
#include <linux/videodev2.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hwalloc/devices.h"
#include "hwalloc/v4l2.h"
#include "tests/device/device.h"

namespace hwalloc {
namespace {

using namespace testing;

template<class Check>
bool holds_in_child(Check&& check) {
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(check() ? 0 : 1);
    int status = -1;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ForkDevice, AChildThatClosesACameraStopsNothing) {
    NEEDS_DEVICE("/dev/dma_heap/system");
    NEEDS_DEVICE("/dev/video0");
    auto camera = v4l2::Camera::open("/dev/video0");
    ASSERT_TRUE(camera) << camera.error().message();
    const auto format = camera->negotiate({.pixel_format = V4L2_PIX_FMT_YUYV, .width = 320, .height = 180});
    ASSERT_TRUE(format) << format.error().message();
    const auto count = camera->reserve(3);
    ASSERT_TRUE(count) << count.error().message();
    std::vector<MemoryRef> memories;
    for (std::uint32_t i = 0; i < *count; ++i)
        memories.push_back(allocator("dma-heap/system")->alloc(format->layout.memory_sizes[0]).value());
    ASSERT_TRUE(camera->bind(memories));
    ASSERT_TRUE(camera->start());
    auto held = camera->take(10'000);
    ASSERT_TRUE(held) << held.error().message();
    EXPECT_TRUE(holds_in_child([&] {
        if (camera->dequeue(0).error().kind() != ErrorKind::invalid || held->queue() || !held->map())
            return false;
        return camera->close().has_value();
    }));
    ASSERT_TRUE(held->queue());
    for (int i = 0; i < 6; ++i) {
        auto frame = camera->take(10'000);
        ASSERT_TRUE(frame) << frame.error().message();
    }
}

TEST(ForkDevice, AChildReadsNoEventOfItsParents) {
    auto monitor = DeviceMonitor::open({});
    ASSERT_TRUE(monitor) << monitor.error().message();
    if (monitor->source() != DeviceSource::udev) {
        ASSERT_FALSE(in_lab()) << "the lab has udev";
        GTEST_SKIP() << monitor->why_listing()->message();
    }
    EXPECT_TRUE(holds_in_child([&] {
        auto told = monitor->dispatch();
        auto own = DeviceMonitor::open({});
        return !told && told.error().kind() == ErrorKind::invalid && own && own->dispatch();
    }));
    EXPECT_TRUE(monitor->dispatch());
}

} // namespace
} // namespace hwalloc
