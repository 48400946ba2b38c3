#include "common/fork_safe_mutex.h"

#include <pthread.h>

#include <new>

#include "common/kernel.h"

namespace hwalloc {

// All that fork must know.
struct ForkSafety {
    using State = ForkSafeMutex::State;
    static constexpr int most_turns = 5000; // of a millisecond: a holder that takes longer hangs

    std::mutex mutex; // innermost: guards the lists, and is held over the fork itself
    ForkSafeMutex* first = nullptr;
    ForkSafeMutex* awaited = nullptr; // one at a time: its holder may need others
    InForkedChild* first_work = nullptr;
    std::uint32_t depth = 0;

    // Takes what is free. When one is not that is worth waiting for, nothing is taken, and it is the answer.
    ForkSafeMutex* take_all(bool patient) const noexcept {
        for (ForkSafeMutex* one = first; one; one = one->next_) {
            one->taken_for_fork_ = one->mutex_.try_lock();
            if (one->taken_for_fork_ || one->held_ == ForkSafeMutex::Held::across_waits || !patient)
                continue;
            for (ForkSafeMutex* taken = first; taken != one; taken = taken->next_)
                let_go(*taken);
            return one;
        }
        return nullptr;
    }
    static void let_go(ForkSafeMutex& one) noexcept {
        if (one.taken_for_fork_)
            one.mutex_.unlock();
        one.taken_for_fork_ = false;
    }

    void await(ForkSafeMutex* one) noexcept {
        if (awaited)
            awaited->state_.store(State::listed, std::memory_order_relaxed);
        awaited = one;
        if (awaited)
            awaited->state_.store(State::awaited, std::memory_order_relaxed);
    }

    void before_fork() noexcept {
        for (int turn = 0;; ++turn) {
            mutex.lock();
            ForkSafeMutex* const missing = take_all(turn < most_turns);
            await(missing);
            if (!missing)
                return;
            mutex.unlock();
            wait_a_moment();
        }
    }
    static void wait_a_moment() noexcept { (void)kernel.poll(nullptr, 0, 1); }
    void in_parent() noexcept {
        for (ForkSafeMutex* one = first; one; one = one->next_)
            let_go(*one);
        mutex.unlock();
    }
    void in_child() noexcept {
        for (ForkSafeMutex* one = first; one; one = one->next_)
            if (one->taken_for_fork_)
                let_go(*one);
            else
                ::new (&one->mutex_) std::mutex; // whoever had it is not here
        ++depth;
        mutex.unlock();
        for (const InForkedChild* one = first_work; one; one = one->next_)
            one->work_();
    }
};

namespace {

constinit ForkSafety safety;

// As early as can be: of handlers that run before a fork the latest comes first, so that those of the
// application run while the library can still be called.
[[gnu::constructor(101)]] void note_for_fork() {
    (void)::pthread_atfork([] { safety.before_fork(); }, [] { safety.in_parent(); },
                           [] { safety.in_child(); });
}

} // namespace

void ForkSafeMutex::before_lock() noexcept {
    while (state_.load(std::memory_order_relaxed) == State::awaited)
        ForkSafety::wait_a_moment();
    const std::lock_guard guard(safety.mutex);
    if (state_.load(std::memory_order_relaxed) != State::unlisted)
        return;
    next_ = safety.first;
    if (next_)
        next_->before_ = this;
    safety.first = this;
    state_.store(State::listed, std::memory_order_relaxed);
}

void ForkSafeMutex::leave_list() noexcept {
    const std::lock_guard guard(safety.mutex);
    if (safety.awaited == this)
        safety.awaited = nullptr;
    (before_ ? before_->next_ : safety.first) = next_;
    if (next_)
        next_->before_ = before_;
}

InForkedChild::InForkedChild(void (*work)() noexcept) noexcept : work_(work) {
    const std::lock_guard guard(safety.mutex);
    next_ = safety.first_work;
    safety.first_work = this;
}

std::uint32_t fork_depth() noexcept {
    return safety.depth;
}

} // namespace hwalloc
