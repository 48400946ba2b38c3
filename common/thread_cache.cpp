#include "common/thread_cache.h"

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>

namespace hwalloc {

constinit ThreadCache ThreadCache::unopened_{0};
constinit ThreadCache ThreadCache::closed_{0};
thread_local constinit ThreadCache* ThreadCache::mine_ = &ThreadCache::unopened_;

constinit const ThreadCache::Shelf::Table ThreadCache::Shelf::by_units = [] {
    Table shelves{};
    for (std::size_t units = 0; units < shelves.size(); ++units) {
        const SizeClass size = SizeClass::of(units ? units * SizeClass::unit : 1);
        shelves[units] = {size.index, static_cast<std::uint32_t>(size.bytes())};
    }
    return shelves;
}();

namespace {

// The key whose destructor ends a thread's cache. Not a destructor of a thread_local object: the C++ runtime
// ends the process when there is no memory to note such a destructor, and never runs one that is noted while
// destructors of keys run.
//
// It is made by the first thread that needs it, and not as a static object of a function: a fork in that
// moment would leave the child to wait for a thread which it does not have.
class EndKey {
public:
    // Empty: the process had none left. The first call says what a thread's end calls.
    std::optional<pthread_key_t> get(void (*at_thread_end)(void*)) noexcept {
        std::uint32_t known = state_.load(std::memory_order_acquire);
        if (known == none_yet)
            known = create(at_thread_end);
        if (known == not_had)
            return std::nullopt;
        return known - first_key;
    }

private:
    std::uint32_t create(void (*at_thread_end)(void*)) noexcept {
        pthread_key_t key{};
        const std::uint32_t made = ::pthread_key_create(&key, at_thread_end) == 0 ? key + first_key : not_had;
        std::uint32_t known = none_yet;
        if (state_.compare_exchange_strong(known, made, std::memory_order_acq_rel))
            return made;
        if (made != not_had)
            (void)::pthread_key_delete(key);
        return known;
    }

    static constexpr std::uint32_t none_yet = 0, not_had = 1, first_key = 2; // that and more: a key
    std::atomic<std::uint32_t> state_{none_yet};
};

constinit EndKey end_key;

} // namespace

ThreadCache* ThreadCache::open() noexcept {
    const auto key = end_key.get([](void* cache) { static_cast<ThreadCache*>(cache)->close(); });
    void* storage = key ? std::malloc(sizeof(ThreadCache)) : nullptr;
    if (!storage)
        return &unopened_;
    if (::pthread_setspecific(*key, storage) != 0) {
        std::free(storage);
        return &unopened_;
    }
    return new (storage) ThreadCache(most_held);
}

void ThreadCache::missed() noexcept {
    if (enabled && mine_ == &unopened_)
        mine_ = open();
}

void ThreadCache::give_slowly(Piece& piece, Shelf shelf) noexcept {
    if (mine_->limit_ == 0)
        return std::free(piece.raw);
    // Full: kept pieces of one size must not stand in the way of another for ever. Starting anew costs each
    // piece that came in since the last time one free(), which it would have cost without a cache.
    mine_->empty();
    give(piece, shelf);
}

void ThreadCache::empty() noexcept {
    for (Piece*& first : kept_)
        while (Piece* piece = first) {
            first = piece->next;
            std::free(piece->raw);
        }
    held_ = 0;
}

void ThreadCache::close() noexcept {
    mine_ = &closed_;
    empty();
    std::free(this);
}

} // namespace hwalloc
