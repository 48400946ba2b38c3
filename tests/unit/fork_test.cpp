// The child of a process with several threads: whatever lock of the library another thread had when it was
// forked, the child finds it free, and what it guards whole.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <semaphore.h>
#include <sys/wait.h>

#include <atomic>
#include <functional>
#include <thread>

#include "common/fork_safe_mutex.h"
#include "common/node_access.h"
#include "hwalloc/drm.h"
#include "tests/unit/drm_dumb_fixture.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;

void skip_where_fork_is_unknown() {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer knows no fork of several threads";
#endif
}

constexpr unsigned longest = 60; // seconds that a child may take before it counts as hanging

// Whether `work` holds in a child.
bool holds_in_child(const std::function<bool()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(longest);
        ::_exit(work() ? 0 : 1);
    }
    int status = -1;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// A thread that stops inside a call of the kernel's, with whatever lock it has there, until fork waits for it
// or the test is over.
class StopsInKernel {
public:
    // `entry`: the entry of the kernel table that stops the thread in its first call.
    enum class Entry { open, ioctl, fcntl };
    StopsInKernel(Entry entry, std::function<void()> work) : below_(kernel), entry_(entry) {
        active = this;
        ::sem_init(&entered_, 0, 0);
        ::sem_init(&go_on_, 0, 0);
        ::sem_init(&end_, 0, 0);
        kernel.open = [](const char* path, int flags) {
            active->stop(Entry::open);
            return active->below_.open(path, flags);
        };
        kernel.ioctl = [](int fd, unsigned long request, void* argument) {
            active->stop(Entry::ioctl);
            return active->below_.ioctl(fd, request, argument);
        };
        kernel.fcntl = [](int fd, int command, long argument) {
            if (command == 1027) // F_DUPFD_QUERY
                active->stop(Entry::fcntl);
            return active->below_.fcntl(fd, command, argument);
        };
        kernel.poll = [](pollfd* fds, nfds_t count, int timeout_ms) {
            if (fds)
                return active->below_.poll(fds, count, timeout_ms);
            active->fork_waited = true;
            ::sem_post(&active->go_on_);
            return real_kernel().poll(nullptr, 0, 1);
        };
        thread_ = std::thread([this, work = std::move(work)] {
            mine = true;
            work();
            if (!stopped_.exchange(true)) {
                ADD_FAILURE() << "made no such call";
                ::sem_post(&entered_);
            }
            while (::sem_wait(&end_) != 0) {
            }
        });
        while (::sem_wait(&entered_) != 0) {
        }
    }
    ~StopsInKernel() {
        ::sem_post(&go_on_);
        ::sem_post(&end_);
        thread_.join();
        kernel = below_;
        active = nullptr;
    }

    std::atomic<bool> fork_waited{false};

private:
    void stop(Entry entry) {
        if (!mine || entry != entry_ || stopped_.exchange(true))
            return;
        ::sem_post(&entered_);
        while (::sem_wait(&go_on_) != 0) {
        }
    }

    static inline StopsInKernel* active = nullptr;
    static inline thread_local bool mine = false;
    KernelTable below_;
    Entry entry_;
    std::atomic<bool> stopped_{false};
    sem_t entered_, go_on_, end_;
    std::thread thread_;
};

class Fork : public ::testing::Test {
protected:
    void SetUp() override { skip_where_fork_is_unknown(); }
};

TEST_F(Fork, WaitsForWhoeverHasAMutexForAMoment) {
    ForkSafeMutex mutex;
    int first = 0, second = 0; // are the same whenever the mutex is free
    std::atomic<bool> over{false};
    std::thread other([&] {
        while (!over) {
            const std::lock_guard guard(mutex);
            ++first;
            std::this_thread::yield();
            ++second;
        }
    });
    for (int i = 0; i < 50; ++i)
        EXPECT_TRUE(holds_in_child([&] {
            const std::lock_guard guard(mutex);
            return first == second;
        }));
    over = true;
    other.join();
}

TEST_F(Fork, DoesNotWaitForWhoeverWaitsUnderAMutex) {
    ForkSafeMutex mutex(ForkSafeMutex::Held::across_waits);
    mutex.lock();
    std::thread([&] {
        EXPECT_TRUE(holds_in_child([&] {
            mutex.lock();
            mutex.unlock();
            return true;
        }));
    }).join();
    mutex.unlock();
    const std::lock_guard guard(mutex); // whom it belongs to here, fork did not change
}

TEST_F(Fork, KnowsTheMutexesThatThereAre) {
    {
        ForkSafeMutex first, second, third;
        for (ForkSafeMutex* one : {&first, &second, &third})
            const std::lock_guard guard(*one);
    }
    ForkSafeMutex kept;
    { const std::lock_guard guard(kept); }
    EXPECT_TRUE(holds_in_child([&] {
        { const std::lock_guard guard(kept); }
        return holds_in_child([&] { // and of a child of the child
            const std::lock_guard again(kept);
            return true;
        });
    }));
}

std::atomic<int> children_told{0};

TEST_F(Fork, TellsTheChildAndNobodyElse) {
    static const InForkedChild tell([]() noexcept { ++children_told; });
    children_told = 0;
    const std::uint32_t depth = fork_depth();
    EXPECT_TRUE(holds_in_child([&] { return children_told == 1 && fork_depth() == depth + 1; }));
    EXPECT_EQ(children_told, 0);
    EXPECT_EQ(fork_depth(), depth);
}

// ---- each lock that is held across a call of the kernel's

TEST_F(Fork, BesideTheOpeningOfANode) {
    const KernelOverride restore;
    constexpr NodeAdvice advice{.purpose = "opening", .absent = "absent", .denied = "denied"};
    DeviceNode node("/dev/null", O_RDWR, advice);
    StopsInKernel other(StopsInKernel::Entry::open, [&] { EXPECT_TRUE(node.open()); });
    EXPECT_TRUE(holds_in_child([&] { return node.open().has_value(); }));
    EXPECT_TRUE(other.fork_waited);
}

class ForkBesideCard : public DrmDumb {
protected:
    void SetUp() override { skip_where_fork_is_unknown(); }
};

TEST_F(ForkBesideCard, WhileItIsOpened) {
    Allocator* const allocator = card();
    MemoryRef memory;
    StopsInKernel other(StopsInKernel::Entry::open, [&] { memory = *allocator->alloc(100); });
    EXPECT_TRUE(holds_in_child([&] { return allocator->alloc(100).has_value(); }));
    EXPECT_TRUE(other.fork_waited);
}

TEST_F(ForkBesideCard, WhileItIsLookedForAmongTheOpenOnes) {
    auto first = drm::Device::open("card0");
    ASSERT_TRUE(first);
    std::optional<drm::Device> second;
    StopsInKernel other(StopsInKernel::Entry::fcntl,
                        [&] { second = *drm::Device::wrap(first->fd(), drm::HandlesOn::given_file); });
    EXPECT_TRUE(holds_in_child(
        [&] { return drm::Device::wrap(first->fd(), drm::HandlesOn::given_file).has_value(); }));
    EXPECT_TRUE(other.fork_waited);
}

TEST_F(ForkBesideCard, WhileItImports) {
    auto device = drm::Device::open("card0");
    ASSERT_TRUE(device);
    const UniqueFd fd = FakeDmaBufs::make(page_size());
    auto memory = import_dmabuf(fd.get());
    ASSERT_TRUE(memory);
    drm::GemHandle handle;
    StopsInKernel other(StopsInKernel::Entry::ioctl, [&] { handle = *device->gem_handle(**memory); });
    EXPECT_TRUE(holds_in_child([&] {
        auto anew = drm::Device::open("card0");
        return anew && anew->gem_handle(**memory) &&
               device->gem_handle(**memory).error().kind() == ErrorKind::invalid;
    }));
    EXPECT_TRUE(other.fork_waited);
}

// Which may take as long as a device does.
TEST_F(Fork, BesideTheBeginningOfCpuAccess) {
    FakeDmaBufs fake;
    const UniqueFd fd = FakeDmaBufs::make(page_size());
    auto memory = import_dmabuf(fd.get()), another = import_dmabuf(fd.get());
    ASSERT_TRUE(memory && another);
    {
        StopsInKernel other(StopsInKernel::Entry::ioctl,
                            [&] { EXPECT_TRUE((*memory)->map(MapFlags::read)); });
        EXPECT_TRUE(holds_in_child([&] { return (*another)->map(MapFlags::read).has_value(); }));
        EXPECT_FALSE(other.fork_waited);
    }
    EXPECT_TRUE((*another)->map(MapFlags::write));
}

class ForkBesideCamera : public CameraTest {
protected:
    void SetUp() override { skip_where_fork_is_unknown(); }
};

TEST_F(ForkBesideCamera, WhileItsBuffersAreReserved) {
    auto camera = ready();
    StopsInKernel other(StopsInKernel::Entry::ioctl, [&] { EXPECT_TRUE(camera.reserve(3)); });
    EXPECT_TRUE(holds_in_child([&] {
        auto anew = v4l2::Camera::open("/dev/video7");
        return anew && anew->negotiate(yuyv()) && camera.close() &&
               capture_participant(camera).error().kind() == ErrorKind::invalid;
    }));
    EXPECT_FALSE(other.fork_waited);
}

} // namespace
} // namespace hwalloc
