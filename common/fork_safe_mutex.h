// What the library does about fork(2). The child has one thread: a lock that another thread of the parent
// held would be taken for ever, and what it guards half changed.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace hwalloc {

// The library's mutex. fork(2) waits until it has them all, and lets go of them in both processes. It waits
// for no order among them, because it holds none while it waits for another.
class ForkSafeMutex {
public:
    enum class Held : std::uint8_t {
        // fork waits, though not for ever.
        for_moments,
        // Held while a device, a driver or a user of the memory is waited for, which may take as long as it
        // likes, or depend on the thread that forks. fork does not wait; in the child it is free. So what it
        // guards must be whole wherever its holder waits.
        across_waits,
    };

    constexpr explicit ForkSafeMutex(Held held = Held::for_moments) noexcept : held_(held) {}
    ~ForkSafeMutex() {
        if (state_.load(std::memory_order_relaxed) != State::unlisted)
            leave_list();
    }
    ForkSafeMutex(const ForkSafeMutex&) = delete;
    ForkSafeMutex& operator=(const ForkSafeMutex&) = delete;

    void lock() noexcept {
        if (state_.load(std::memory_order_relaxed) != State::listed) [[unlikely]]
            before_lock();
        mutex_.lock();
    }
    void unlock() noexcept { mutex_.unlock(); }

private:
    friend struct ForkSafety;
    enum class State : std::uint8_t {
        unlisted, // fork does not know it: until the first lock()
        listed,
        awaited, // by fork: whoever comes now lets it go first
    };
    void before_lock() noexcept;
    void leave_list() noexcept;

    std::mutex mutex_;
    const Held held_;
    std::atomic<State> state_{State::unlisted};
    bool taken_for_fork_ = false;
    ForkSafeMutex *next_ = nullptr, *before_ = nullptr;
};

// Something to be done in every child, after all mutexes are free. A static object: it is not taken back.
class InForkedChild {
public:
    // `work` runs in the thread that forked, which is the only one. It may lock and call the kernel table.
    explicit InForkedChild(void (*work)() noexcept) noexcept;
    InForkedChild(const InForkedChild&) = delete;
    InForkedChild& operator=(const InForkedChild&) = delete;

private:
    friend struct ForkSafety;
    void (*work_)() noexcept;
    InForkedChild* next_ = nullptr;
};

// How often this process is the child of a process that had this library loaded: what was made under another
// number is the parent's too.
std::uint32_t fork_depth() noexcept;

} // namespace hwalloc
