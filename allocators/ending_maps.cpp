#include "allocators/ending_maps.h"

#include <pthread.h>

#include <cstdint>
#include <iterator>
#include <mutex>
#include <new>

#include "common/immortal.h"

namespace hwalloc {

// The maps being ended of every memory whose address falls here.
struct EndingMap::Stripe {
    std::mutex lock;
    EndingMap* first = nullptr;

    static Stripe& of(const Memory* memory) noexcept;
};

struct EndingMap::Table {
    Stripe stripes[64];
    static Immortal<Table> table;
};
constinit Immortal<EndingMap::Table> EndingMap::Table::table;

EndingMap::Stripe& EndingMap::Stripe::of(const Memory* memory) noexcept {
    // A child of fork has none of the threads that were unmapping, nor what they held.
    [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, [] {
        for (Stripe& stripe : Table::table->stripes)
            new (&stripe) Stripe;
    });
    return Table::table
        ->stripes[reinterpret_cast<std::uintptr_t>(memory) / 64 % std::size(Table::table->stripes)];
}

bool EndingMap::claim(const std::atomic<std::uint64_t>& word) noexcept {
    if (mode_ == lock_word::AccessMode::none)
        return false;
    Stripe& stripe = Stripe::of(memory_);
    const std::scoped_lock lock(stripe.lock);
    std::uint64_t ending = 0;
    for (const EndingMap* one = stripe.first; one; one = one->next_)
        ending += one->memory_ == memory_ && one->mode_ == mode_;
    if (lock_word::field_of(mode_).of(word.load(std::memory_order_relaxed)) <= ending)
        return false;
    next_ = stripe.first;
    stripe.first = this;
    return true;
}

EndingMap::Lock::Lock(EndingMap& claimed) noexcept : claimed_(claimed) {
    Stripe::of(claimed.memory_).lock.lock();
}

EndingMap::Lock::~Lock() {
    Stripe& stripe = Stripe::of(claimed_.memory_);
    for (EndingMap** at = &stripe.first; *at; at = &(*at)->next_)
        if (*at == &claimed_) {
            *at = claimed_.next_;
            break;
        }
    stripe.lock.unlock();
}

} // namespace hwalloc
