// Storage that a thread let go, kept for its next allocation of about the same size. malloc is quick up to
// about 1 KiB and slow from there on (glibc's own per-thread cache ends there), and small buffers come and go
// at the rate of frames and packets.
//
// The rules: at most `most_held` bytes per thread, in pieces of at most `largest`; pieces go to the thread
// that frees them, whoever allocated them, if it has allocated itself: a thread that only frees would keep
// what nobody takes. A thread that ends frees what it kept, and memory that it frees still later (in
// destructors of other keys) goes straight to free(). The contents of a piece are undefined, as malloc's are.
//
// Off under sanitizers, which could not see a use after free any more, and with -DHWALLOC_SYSMEM_CACHE=OFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "common/size_class.h"

namespace hwalloc::sysmem {

#if defined(__has_feature)
#define HWALLOC_HAS_FEATURE(feature) __has_feature(feature)
#else
#define HWALLOC_HAS_FEATURE(feature) 0
#endif
#if defined(HWALLOC_NO_SYSMEM_CACHE) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||     \
    HWALLOC_HAS_FEATURE(address_sanitizer) || HWALLOC_HAS_FEATURE(thread_sanitizer) ||                       \
    HWALLOC_HAS_FEATURE(memory_sanitizer) || HWALLOC_HAS_FEATURE(leak_sanitizer)
inline constexpr bool cache_enabled = false;
#else
inline constexpr bool cache_enabled = true;
#endif
#undef HWALLOC_HAS_FEATURE

class ThreadCache {
public:
    static constexpr std::size_t most_held = 65536;
    static constexpr std::size_t largest = 16384; // piece that is kept

    // A piece as it came from malloc, and the address in it that is aligned to SizeClass::unit.
    struct Piece {
        void* raw;
        void* place;
    };

    // A kept piece of that class, which is one of at most `largest` bytes; or nulls.
    static Piece take(SizeClass size) noexcept {
        ThreadCache& cache = *mine_;
        Kept* kept = cache.kept_[size.index];
        if (!kept) {
            missed();
            return {nullptr, nullptr};
        }
        cache.kept_[size.index] = kept->next;
        cache.held_ -= size.bytes();
        return {kept->raw, kept};
    }

    // Keeps the piece, or frees it.
    static void give(Piece piece, SizeClass size) noexcept {
        ThreadCache& cache = *mine_;
        if (cache.held_ + size.bytes() > cache.limit_) [[unlikely]]
            return give_slowly(piece, size);
        cache.keep(piece, size);
    }

private:
    struct Kept { // at the start of a kept piece
        Kept* next;
        void* raw;
    };
    constexpr explicit ThreadCache(std::size_t limit) noexcept : limit_(limit) {}
    static void give_slowly(Piece piece, SizeClass size) noexcept;
    static void missed() noexcept;
    static ThreadCache* open() noexcept;
    void close() noexcept;
    void empty() noexcept;
    void keep(Piece piece, SizeClass size) noexcept {
        kept_[size.index] = new (piece.place) Kept{kept_[size.index], piece.raw};
        held_ += size.bytes();
    }

    std::size_t limit_; // 0: this one is shared by threads and stays empty
    std::size_t held_ = 0;
    Kept* kept_[SizeClass::count_up_to(largest)] = {};

    static ThreadCache unopened_, closed_; // what a thread has before it allocates, and when it is ending
    // Eight bytes of static TLS: read without a call, and few enough to be had when the library is loaded
    // late.
    [[gnu::tls_model("initial-exec")]] static thread_local constinit ThreadCache* mine_;
};

} // namespace hwalloc::sysmem
