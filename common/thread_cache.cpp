#include "common/thread_cache.h"

#include <pthread.h>

#include <cstdlib>
#include <new>

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

// What ends a thread's cache. Not a destructor of a thread_local object: the C++ runtime ends the process
// when there is no memory to note such a destructor, and never runs one that is noted while destructors of
// keys run.
struct EndKey {
    explicit EndKey(void (*at_thread_end)(void*)) noexcept
        : usable(::pthread_key_create(&key, at_thread_end) == 0) {}

    pthread_key_t key{};
    bool usable; // a process has a limited number of keys
};

} // namespace

ThreadCache* ThreadCache::open() noexcept {
    static EndKey end{[](void* cache) { static_cast<ThreadCache*>(cache)->close(); }};
    void* storage = end.usable ? std::malloc(sizeof(ThreadCache)) : nullptr;
    if (!storage)
        return &unopened_;
    if (::pthread_setspecific(end.key, storage) != 0) {
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
