// The small vocabulary of the contract: what a caller asks of an allocation, how memory may be used, how it
// is mapped and locked. Names and meanings are GStreamer's (GstAllocationParams, GstMemoryFlags, GstMapFlags,
// GstLockFlags).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hwalloc/export.h"

namespace hwalloc {

namespace detail {
template<class E>
inline constexpr bool is_flags = false;
}

// Bit-wise operators for the flag types below.
template<class E>
requires detail::is_flags<E>
constexpr E operator|(E a, E b) noexcept {
    return static_cast<E>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
template<class E>
requires detail::is_flags<E>
constexpr E operator&(E a, E b) noexcept {
    return static_cast<E>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
template<class E>
requires detail::is_flags<E>
constexpr E operator~(E a) noexcept {
    return static_cast<E>(~static_cast<std::uint32_t>(a));
}
template<class E>
requires detail::is_flags<E>
constexpr E& operator|=(E& a, E b) noexcept {
    return a = a | b;
}
template<class E>
requires detail::is_flags<E>
constexpr E& operator&=(E& a, E b) noexcept {
    return a = a & b;
}
// True when `set` holds every bit of `bits`.
template<class E>
requires detail::is_flags<E>
constexpr bool has(E set, E bits) noexcept {
    return (set & bits) == bits;
}
// True when `set` holds some bit of `bits`.
template<class E>
requires detail::is_flags<E>
constexpr bool has_any(E set, E bits) noexcept {
    return (set & bits) != E{};
}

enum class MemoryFlags : std::uint32_t {
    none = 0,
    readonly = 0x02,      // no WRITE map; every share has it
    may_be_leaked = 0x04, // leak checkers should not report it
    no_share = 0x10,      // share() is refused
    zero_prefixed = 0x20, // the bytes before the window are zero
    zero_padded = 0x40,   // the bytes after the window are zero
    physically_contiguous =
        0x80,               // one run of physical addresses; information, set by the backend or the caller
    not_mappable = 0x100,   // map() is refused
    custom_base = 1u << 20, // first bit free for applications and backends; kept, never interpreted
};
template<>
inline constexpr bool detail::is_flags<MemoryFlags> = true;

// True when every bit below custom_base is one of the above.
constexpr bool known_flags(MemoryFlags flags) noexcept {
    constexpr auto known = MemoryFlags::readonly | MemoryFlags::may_be_leaked | MemoryFlags::no_share |
                           MemoryFlags::zero_prefixed | MemoryFlags::zero_padded |
                           MemoryFlags::physically_contiguous | MemoryFlags::not_mappable;
    constexpr auto below_custom =
        static_cast<MemoryFlags>(static_cast<std::uint32_t>(MemoryFlags::custom_base) - 1);
    return !has_any(flags, below_custom & ~known);
}

enum class MapFlags : std::uint32_t {
    none = 0, // never valid for map()
    read = 1,
    write = 2,
    readwrite = 3,
    ref_memory = 1u << 8,   // the map also holds a handle: ref_count() is one higher while mapped
    custom_base = 1u << 16, // first bit free for backends; handed to the hooks, ignored by the locking
};
template<>
inline constexpr bool detail::is_flags<MapFlags> = true;

enum class LockFlags : std::uint32_t {
    none = 0,
    read = 1,
    write = 2,
    readwrite = 3,
    exclusive = 4, // counts like a share: with two of them no WRITE is possible
};
template<>
inline constexpr bool detail::is_flags<LockFlags> = true;

// Stands for "to the end of the window" where a size is asked for (GStreamer's -1).
inline constexpr std::size_t whole = static_cast<std::size_t>(-1);

// What a caller asks of an allocation. The default is no flags, no prefix, no padding, and the default
// alignment.
struct AllocationParams {
    MemoryFlags flags = MemoryFlags::none;
    // Alignment as a mask, bytes - 1: 0, 1, 3, 7, 15, ... 4095. Values below 7 are raised to 7. It applies to
    // the start of the region (prefix included), not to the first byte of the window: choose a prefix that is
    // a multiple of the alignment when the window must be aligned too.
    std::size_t align = 7;
    // Bytes in front of and behind the window that belong to the memory but are not visible at first;
    // resize() can move the window over them.
    std::size_t prefix = 0;
    std::size_t padding = 0;
};

// The alignment every allocation has at least, as a mask.
inline constexpr std::size_t default_align = 7;

} // namespace hwalloc
