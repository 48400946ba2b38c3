#include "allocators/ending_maps.h"

#include <pthread.h>

#include <cstdint>
#include <iterator>
#include <mutex>
#include <new>

#include "common/immortal.h"

namespace hwalloc {

// The lock of every memory whose address falls here, and their maps that are being ended.
struct MemoryLock::Stripe {
    std::mutex lock;
    EndingMap* first = nullptr;

    static Stripe& of(const Memory& memory) noexcept;
};

struct MemoryLock::Table {
    Stripe stripes[64];
    static Immortal<Table> table;
};
constinit Immortal<MemoryLock::Table> MemoryLock::Table::table;

MemoryLock::Stripe& MemoryLock::Stripe::of(const Memory& memory) noexcept {
    // A child of fork has none of the threads that were unmapping, nor what they held.
    [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, [] {
        for (Stripe& stripe : Table::table->stripes)
            new (&stripe) Stripe;
    });
    return Table::table
        ->stripes[reinterpret_cast<std::uintptr_t>(&memory) / 64 % std::size(Table::table->stripes)];
}

MemoryLock::MemoryLock(const Memory& memory) noexcept : stripe_(Stripe::of(memory)) {
    stripe_.lock.lock();
}
MemoryLock::~MemoryLock() {
    stripe_.lock.unlock();
}

bool EndingMap::claim(const std::atomic<std::uint64_t>& word) noexcept {
    if (mode_ == lock_word::AccessMode::none)
        return false;
    const MemoryLock lock(*memory_);
    std::uint64_t ending = 0;
    for (const EndingMap* one = lock.stripe_.first; one; one = one->next_)
        ending += one->memory_ == memory_ && one->mode_ == mode_;
    if (lock_word::field_of(mode_).of(word.load(std::memory_order_relaxed)) <= ending)
        return false;
    next_ = lock.stripe_.first;
    lock.stripe_.first = this;
    return true;
}

EndingMap::Lock::~Lock() {
    for (EndingMap** at = &held_.stripe_.first; *at; at = &(*at)->next_)
        if (*at == &claimed_) {
            *at = claimed_.next_;
            break;
        }
}

} // namespace hwalloc
