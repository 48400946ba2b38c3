// Where the Memory of a share lies, as against that of a root, which is a part of its block. Threads keep
// what they let go: a share and its end take less time than malloc and free.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#include "common/thread_cache.h"
#include "hwalloc/memory.h"

namespace hwalloc {

struct ViewStorage {
    alignas(Memory) std::byte memory[sizeof(Memory)];
    ThreadCache::Piece piece;

    // For one Memory; null when there is no memory for it.
    static ViewStorage* make() noexcept {
        if (ThreadCache::Piece* kept = ThreadCache::take(ThreadCache::views)) [[likely]] {
            void* const storage = reinterpret_cast<std::byte*>(kept) - offsetof(ViewStorage, piece);
            return static_cast<ViewStorage*>(storage);
        }
        return make_by_malloc();
    }
    // `view`: where a Memory was in such storage, which has ended.
    static ViewStorage& of(void* view) noexcept { return *static_cast<ViewStorage*>(view); }
    void release() noexcept {
        if constexpr (ThreadCache::enabled)
            ThreadCache::give(piece, ThreadCache::views);
        else
            std::free(this);
    }

private:
    [[gnu::noinline, gnu::cold]] static ViewStorage* make_by_malloc() noexcept {
        ThreadCache::missed();
        void* const raw = std::malloc(sizeof(ViewStorage));
        if (!raw)
            return nullptr;
        auto* storage = new (raw) ViewStorage;
        storage->piece.raw = raw;
        return storage;
    }
};
static_assert(sizeof(ViewStorage) <= ThreadCache::views.bytes);

} // namespace hwalloc
