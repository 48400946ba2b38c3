// The one word of a Memory: how many handles, shares, READ, WRITE and READWRITE maps and locks it has.
//
//   63      54 53     44 43       30 29        13 12       0
//   READWRITE  WRITE     READ        shares       handles
//
// The object is destroyed by whoever brings the word to 0. Whatever may be refused looks first and changes
// the word by one compare-exchange, so that a refused call is never seen by another thread. Only what the
// caller certainly owns (a handle, a share) is taken out by a plain fetch_sub.
#pragma once

#include <atomic>
#include <cstdint>

#include "hwalloc/flags.h"

namespace hwalloc::lock_word {

// Of 32-bit processors too: ARM from version 6 (LDREXD), x86 from the Pentium (CMPXCHG8B).
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

struct Field {
    unsigned shift, bits;
    constexpr std::uint64_t one() const noexcept { return std::uint64_t{1} << shift; }
    constexpr std::uint64_t max() const noexcept { return (std::uint64_t{1} << bits) - 1; }
    constexpr std::uint64_t mask() const noexcept { return max() << shift; }
    constexpr std::uint64_t top() const noexcept { return one() << (bits - 1); }
    constexpr std::uint64_t of(std::uint64_t word) const noexcept { return (word >> shift) & max(); }
};

inline constexpr Field handles{0, 13};
inline constexpr Field shares{13, 17};
inline constexpr Field reads{30, 14};
inline constexpr Field writes{44, 10};
inline constexpr Field readwrites{54, 10};

// The second word, of 32 bits, tells apart what the first counts together: REF_MEMORY maps among the maps,
// and EXCLUSIVE locks among the shares. No object lives or goes by it.
inline constexpr Field ref_maps{0, 15};
inline constexpr Field exclusives{15, 17};
static_assert(ref_maps.max() >= reads.max() && exclusives.bits == shares.bits);

constexpr std::uint32_t one_of(Field kind) noexcept {
    return static_cast<std::uint32_t>(kind.one());
}
// Takes one of the kind out; false, having changed nothing, when there is none.
inline bool take_kind(std::atomic<std::uint32_t>& kinds, Field kind) noexcept {
    std::uint32_t seen = kinds.load(std::memory_order_relaxed);
    while (kind.of(seen) != 0)
        if (kinds.compare_exchange_weak(seen, seen - one_of(kind), std::memory_order_relaxed))
            return true;
    return false;
}

// Half of the field: reached exactly when the field's top bit is set.
inline constexpr std::uint64_t handle_limit = 4096;
inline constexpr std::uint64_t read_limit = 8192;
static_assert(handle_limit == (handles.max() + 1) / 2 && read_limit == (reads.max() + 1) / 2);

// A map may be added when none of these bits is set; else look closer with allows().
// READWRITE maps are not in the way of a READ; WRITE and READWRITE go with one share. The top bit of the
// field itself stands for a limit that may be near.
inline constexpr std::uint64_t two_shares = shares.mask() & ~shares.one();
inline constexpr std::uint64_t read_slow = writes.mask() | reads.top();
inline constexpr std::uint64_t write_slow = reads.mask() | readwrites.mask() | two_shares | writes.top();
inline constexpr std::uint64_t readwrite_slow = reads.mask() | writes.mask() | two_shares | readwrites.top();

// The access that a map or a lock is for: the low two bits of MapFlags and of LockFlags.
enum class AccessMode : std::uint32_t { none = 0, read = 1, write = 2, readwrite = 3 };

template<class Flags>
requires detail::is_flags<Flags>
constexpr AccessMode mode_of(Flags flags) noexcept {
    return static_cast<AccessMode>(static_cast<std::uint32_t>(flags & Flags::readwrite));
}
static_assert(mode_of(MapFlags::read) == AccessMode::read && mode_of(LockFlags::read) == AccessMode::read);
static_assert(mode_of(MapFlags::write) == AccessMode::write &&
              mode_of(LockFlags::write) == AccessMode::write);

constexpr bool has_write(AccessMode mode) noexcept {
    return mode == AccessMode::write || mode == AccessMode::readwrite;
}

// The field that counts an access mode; not for AccessMode::none.
constexpr Field field_of(AccessMode mode) noexcept {
    return mode == AccessMode::read ? reads : mode == AccessMode::write ? writes : readwrites;
}
// How many maps and locks of the mode there may be.
constexpr std::uint64_t limit_of(AccessMode mode) noexcept {
    return mode == AccessMode::read ? read_limit : field_of(mode).max();
}

// Whether one more access of this mode may be added, limits aside. A nested mode must be within the mode
// held: everything under READWRITE, else only the same.
constexpr bool allows(AccessMode mode, std::uint64_t before) noexcept {
    const bool under_readwrite = readwrites.of(before) != 0;
    switch (mode) {
    case AccessMode::none:
        return true;
    case AccessMode::read:
        return under_readwrite || writes.of(before) == 0;
    case AccessMode::write:
        return shares.of(before) < 2 && (under_readwrite || reads.of(before) == 0);
    case AccessMode::readwrite:
        return shares.of(before) < 2 &&
               (under_readwrite || (reads.of(before) == 0 && writes.of(before) == 0));
    }
    return false;
}
constexpr bool written(std::uint64_t word) noexcept {
    return writes.of(word) != 0 || readwrites.of(word) != 0;
}

// Between two attempts on a word that another thread is changing: an attempt at once would only take the
// cache line away from that thread.
[[gnu::always_inline]] inline void pause_briefly() noexcept {
    for (int i = 0; i < 8; ++i) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
        asm volatile("yield");
#endif
    }
}

// Replaces the word by what `next(seen, wanted)` puts into `wanted`, unless that answers false. `seen` is the
// word that was judged last.
template<class Next>
bool exchange(std::atomic<std::uint64_t>& word, std::uint64_t& seen, std::memory_order order,
              const Next& next) noexcept {
    seen = word.load(std::memory_order_relaxed);
    for (std::uint64_t wanted = 0;;) {
        if (!next(seen, wanted))
            return false;
        if (word.compare_exchange_strong(seen, wanted, order, std::memory_order_relaxed))
            return true;
        pause_briefly();
        seen = word.load(std::memory_order_relaxed);
    }
}

} // namespace hwalloc::lock_word
