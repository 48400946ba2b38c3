#include "backends/sysmem/thread_cache.h"

#include <cstdlib>
#include <new>

namespace hwalloc::sysmem {

constinit ThreadCache ThreadCache::unopened_{0};
constinit ThreadCache ThreadCache::closed_{0};
thread_local constinit ThreadCache* ThreadCache::mine_ = &ThreadCache::unopened_;
thread_local ThreadCache::AtThreadExit ThreadCache::at_thread_exit_;

ThreadCache* ThreadCache::open() noexcept {
    void* storage = std::malloc(sizeof(ThreadCache));
    if (!storage)
        return &unopened_;
    return at_thread_exit_.cache = new (storage) ThreadCache(most_held);
}

void ThreadCache::give_slowly(Piece piece, SizeClass size) noexcept {
    if (mine_ == &unopened_)
        mine_ = open();
    if (mine_->limit_ == 0)
        return std::free(piece.raw);
    // Full: kept pieces of one size must not stand in the way of another for ever. Starting anew costs each
    // piece that came in since the last time one free(), which it would have cost without a cache.
    if (mine_->held_ + size.bytes() > mine_->limit_)
        mine_->empty();
    mine_->keep(piece, size);
}

void ThreadCache::empty() noexcept {
    for (Kept*& first : kept_)
        while (Kept* kept = first) {
            first = kept->next;
            std::free(kept->raw);
        }
    held_ = 0;
}

ThreadCache::AtThreadExit::~AtThreadExit() {
    mine_ = &closed_;
    cache->empty();
    std::free(cache);
}

} // namespace hwalloc::sysmem
