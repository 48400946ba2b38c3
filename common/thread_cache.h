// Pieces of memory that a thread let go, kept for its next request of about the same size. malloc is quick up
// to about 1 KiB and slow from there on (glibc's own per-thread cache ends there), and small buffers come and
// go at the rate of frames and packets.
//
// The rules: at most `most_held` bytes per thread, in pieces of at most `largest`; pieces go to the thread
// that frees them, whoever allocated them, if it has allocated or shared: one that only frees would keep
// what nobody takes. A thread that ends frees what it kept, and memory that it frees still later (in
// destructors of other keys) goes straight to free(). A thread whose very first allocation is in the last of
// the rounds of those destructors leaves its cache behind, with what it kept: none is called any more, and no
// system tells a thread that it is ending.
//
// A piece that is taken is as it was given but for `of_owner`, so that its owner finds an object in it that
// needs little to be as new. It is freed without a destructor.
//
// Off under sanitizers, which could not see a use after free any more, and with -DHWALLOC_SYSMEM_CACHE=OFF.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/size_class.h"

namespace hwalloc {

class ThreadCache {
public:
#if defined(__has_feature)
#define HWALLOC_HAS_FEATURE(feature) __has_feature(feature)
#else
#define HWALLOC_HAS_FEATURE(feature) 0
#endif
#if defined(HWALLOC_NO_SYSMEM_CACHE) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||     \
    HWALLOC_HAS_FEATURE(address_sanitizer) || HWALLOC_HAS_FEATURE(thread_sanitizer) ||                       \
    HWALLOC_HAS_FEATURE(memory_sanitizer) || HWALLOC_HAS_FEATURE(leak_sanitizer)
    static constexpr bool enabled = false;
#else
    static constexpr bool enabled = true;
#endif
#undef HWALLOC_HAS_FEATURE

    static constexpr std::size_t most_held = 65536;
    static constexpr std::size_t largest = 16384; // piece that is kept

    // What every piece has in it, wherever its owner likes.
    struct Piece {
        union {
            Piece* next;    // while it is kept
            void* of_owner; // while it is not: the owner's to use
        };
        void* raw; // as it came from malloc
    };

    // Where pieces of one size are kept.
    struct Shelf {
        std::uint32_t index;
        std::uint32_t bytes; // of each

        // For storage of `bytes`, at most `largest`.
        static Shelf of(std::size_t bytes) noexcept {
            return by_units[(bytes + SizeClass::unit - 1) / SizeClass::unit];
        }
        // Of pieces that are not kept.
        static constexpr Shelf none() noexcept { return {no_index, 0}; }
        constexpr bool some() const noexcept { return index != no_index; }

    private:
        static constexpr std::uint32_t no_index = 0xffffffff;
        using Table = std::array<Shelf, largest / SizeClass::unit + 1>;
        static const Table by_units;
    };
    // For what shares of memory lie in, and nothing else.
    static constexpr Shelf views{SizeClass::count_up_to(largest), 80};

    // A piece that was given to that shelf, or null.
    static Piece* take(Shelf shelf) noexcept {
        if constexpr (!enabled)
            return nullptr;
        ThreadCache& cache = *mine_;
        Piece* const piece = cache.kept_[shelf.index];
        if (!piece) [[unlikely]]
            return nullptr;
        cache.kept_[shelf.index] = piece->next;
        cache.held_ -= shelf.bytes;
        return piece;
    }
    // For whoever got null and turns to malloc: from now on the thread keeps what it is given.
    static void missed() noexcept;

    // Keeps the piece, or frees it.
    static void give(Piece& piece, Shelf shelf) noexcept {
        ThreadCache& cache = *mine_;
        const std::size_t held = cache.held_ + shelf.bytes;
        if (held > cache.limit_) [[unlikely]]
            return give_slowly(piece, shelf);
        cache.held_ = held;
        piece.next = cache.kept_[shelf.index];
        cache.kept_[shelf.index] = &piece;
    }

private:
    constexpr explicit ThreadCache(std::size_t limit) noexcept : limit_(limit) {}
    static void give_slowly(Piece& piece, Shelf shelf) noexcept;
    static ThreadCache* open() noexcept;
    void close() noexcept;
    void empty() noexcept;

    std::size_t limit_; // 0: this one is shared by threads and stays empty
    std::size_t held_ = 0;
    Piece* kept_[views.index + 1] = {};

    static ThreadCache unopened_, closed_; // what a thread has before it allocates, and when it is ending
    // Eight bytes of static TLS: read without a call, and few enough to be had when the library is loaded
    // late.
    [[gnu::tls_model("initial-exec")]] static thread_local constinit ThreadCache* mine_;
};

} // namespace hwalloc
