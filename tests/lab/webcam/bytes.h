// Bytes as they go over a wire.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace webcam {

using Bytes = std::vector<std::uint8_t>;

// USB counts in little endian. Appends the lowest `bytes` bytes of each value.
inline void put_little(Bytes& to, int bytes, std::initializer_list<std::uint32_t> values) {
    for (const std::uint32_t value : values)
        for (int i = 0; i < bytes; ++i)
            to.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

inline std::uint32_t get_little(const Bytes& from, std::size_t at, int bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < bytes; ++i)
        value |= static_cast<std::uint32_t>(from[at + static_cast<std::size_t>(i)]) << 8 * i;
    return value;
}

// USB/IP and JPEG count in big endian.
inline void put_big(Bytes& to, int bytes, std::initializer_list<std::uint32_t> values) {
    for (const std::uint32_t value : values)
        for (int i = bytes; i-- > 0;)
            to.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

inline std::uint32_t get_big(const std::uint8_t* from) {
    return static_cast<std::uint32_t>(from[0]) << 24 | static_cast<std::uint32_t>(from[1]) << 16 |
           static_cast<std::uint32_t>(from[2]) << 8 | from[3];
}

} // namespace webcam
