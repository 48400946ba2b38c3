#include "allocators/ending_maps.h"

#include <cstdint>
#include <iterator>

#include "common/fork_safe_mutex.h"
#include "common/immortal.h"

namespace hwalloc {

// The lock of every memory whose address falls here, and their maps that are being ended.
struct MemoryLock::Stripe {
    ForkSafeMutex lock;
    EndingMap* first = nullptr;

    static Stripe& of(const Memory& memory) noexcept;
};

struct MemoryLock::Table {
    Stripe stripes[16]; // fork holds all locks at once, of which ThreadSanitizer bears 63 in one thread
    static Immortal<Table> table;
    static InForkedChild in_child;
};
[[gnu::init_priority(101)]] Immortal<MemoryLock::Table> MemoryLock::Table::table;
// A child of fork has none of the threads that were unmapping.
InForkedChild MemoryLock::Table::in_child([]() noexcept {
    for (Stripe& stripe : Table::table->stripes)
        stripe.first = nullptr;
});

MemoryLock::Stripe& MemoryLock::Stripe::of(const Memory& memory) noexcept {
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
