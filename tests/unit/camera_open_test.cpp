// Opening cameras while a driver lets a request wait for those of other threads, as one does that has a lock
// for all of them (linux Documentation/driver-api/media/v4l2-dev.rst).
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

#include "tests/unit/fake_camera.h"

namespace hwalloc::v4l2 {
namespace {

using namespace hwalloc::testing;

constexpr std::chrono::seconds very_long{60};

// A camera that is open for a participant alone, and another, /dev/video8. A VIDIOC_QUERYCAP of the file that
// is open waits until so many of them are there.
class CameraOpenTest : public CameraTest {
protected:
    CameraOpenTest() {
        active = this;
        {
            Camera camera = open();
            participant = capture_participant(camera).value();
        }
        made_up = kernel;
        kernel.open = [](const char* path, int flags) {
            return active->made_up.open(is_other(path) ? "/dev/video7" : path, flags);
        };
        kernel.stat = [](const char* path, struct stat* status) {
            const int done = active->made_up.stat(is_other(path) ? "/dev/video7" : path, status);
            if (is_other(path))
                status->st_rdev = 8;
            return done;
        };
        kernel.ioctl = [](int fd, unsigned long request, void* argument) {
            std::unique_lock guard(active->mutex);
            if (request == VIDIOC_QUERYCAP && active->before.contains(fd)) {
                ++active->waiting;
                active->changed.notify_all();
                active->changed.wait(guard, [] { return active->let_go; });
            }
            return active->made_up.ioctl(fd, request, argument);
        };
    }
    ~CameraOpenTest() override { active = nullptr; }

    static bool is_other(std::string_view path) { return path == "/dev/video8"; }
    static std::future<Result<Camera>> opening(const char* path) {
        return std::async(std::launch::async, [path] { return Camera::open(path); });
    }
    bool wait_for(int count) {
        std::unique_lock guard(mutex);
        return changed.wait_for(guard, very_long, [&] { return waiting >= count; });
    }
    void let_all_go() {
        const std::lock_guard guard(mutex);
        let_go = true;
        changed.notify_all();
    }

    static inline CameraOpenTest* active = nullptr;
    ParticipantRef participant;
    std::set<int> before;
    KernelTable made_up;
    std::mutex mutex;
    std::condition_variable changed;
    int waiting = 0;
    bool let_go = false;
};

TEST_F(CameraOpenTest, ACameraThatKeepsItsCallerWaitingKeepsNoOtherFromBeingOpened) {
    before = open_fds();
    auto first = opening("/dev/video7");
    const bool asks = wait_for(1);
    auto other = opening("/dev/video8");
    const bool opened = other.wait_for(very_long) == std::future_status::ready;
    let_all_go();
    EXPECT_TRUE(asks);
    EXPECT_TRUE(opened);
    EXPECT_TRUE(other.get());
    EXPECT_TRUE(first.get());
}

TEST_F(CameraOpenTest, OfTwoAtOnceOneGetsTheOpenFileThatIsThere) {
    before = open_fds();
    auto first = opening("/dev/video7"), second = opening("/dev/video7");
    const bool both_ask = wait_for(2);
    let_all_go();
    EXPECT_TRUE(both_ask) << "neither waits for the other";
    const auto one = first.get(), another = second.get();
    ASSERT_TRUE(one && another);
    EXPECT_EQ(open_fds().size(), before.size() + 1);
}

} // namespace
} // namespace hwalloc::v4l2
