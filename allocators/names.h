// Names as the registry's key: hash and comparison made for strings of a few dozen bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace hwalloc {

namespace detail {
inline std::uint64_t load8(const char* at) noexcept {
    std::uint64_t value;
    std::memcpy(&value, at, 8);
    return value;
}
inline std::uint64_t load4(const char* at) noexcept {
    std::uint32_t value;
    std::memcpy(&value, at, 4);
    return value;
}
// The first and the last bytes of a string of up to 16, as two words that overlap in the middle.
inline void ends(const char* at, std::size_t length, std::uint64_t& a, std::uint64_t& b) noexcept {
    if (length >= 8) {
        a = load8(at);
        b = load8(at + length - 8);
    } else if (length >= 4) {
        a = load4(at);
        b = load4(at + length - 4);
    } else {
        a = static_cast<unsigned char>(at[0]) | std::uint64_t{static_cast<unsigned char>(at[length / 2])}
                                                    << 8;
        b = static_cast<unsigned char>(at[length - 1]);
    }
}
} // namespace detail

// Not empty.
inline std::uint64_t hash_name(std::string_view name) noexcept {
    constexpr std::uint64_t k = 0x9e3779b97f4a7c15u;
    const char* at = name.data();
    std::size_t left = name.size();
    std::uint64_t hash = left * k;
    for (; left > 16; left -= 8, at += 8)
        hash = (hash ^ detail::load8(at)) * k, hash ^= hash >> 29;
    std::uint64_t a, b;
    detail::ends(at, left, a, b);
    hash = (hash ^ a) * k;
    hash = ((hash ^ (hash >> 32)) + b) * k;
    return hash ^ (hash >> 32);
}

// Whether the name.size() > 0 bytes at `x` are `name`.
inline bool same_name(const char* x, std::string_view name) noexcept {
    const char* y = name.data();
    const std::size_t length = name.size();
    if (length > 16)
        return std::memcmp(x, y, length) == 0;
    std::uint64_t xa, xb, ya, yb;
    detail::ends(x, length, xa, xb);
    detail::ends(y, length, ya, yb);
    return ((xa ^ ya) | (xb ^ yb)) == 0;
}

} // namespace hwalloc
