// Names as the registry's key: hash and comparison made for strings of a few dozen bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace hwalloc {

// What a table compares instead of a name's text. Two words that overlap hold all of a name of up to 16
// bytes: equal keys are equal names. Of longer names they are hashes: equal keys leave the text to be
// compared.
struct NameKey {
    static constexpr std::size_t most_whole = 16;
    static constexpr bool is_whole(std::size_t length) noexcept { return length - 1 < most_whole; }

    std::uint64_t first, last;
    std::size_t length;

    // `name` must not be empty.
    static NameKey of(std::string_view name) noexcept {
        return is_whole(name.size()) ? of_whole(name) : of_long(name);
    }
    // Of 1 to 16 bytes.
    static NameKey of_whole(std::string_view name) noexcept {
        const char* at = name.data();
        const std::size_t length = name.size();
        const auto byte = [&](std::size_t i) -> std::uint64_t { return static_cast<unsigned char>(at[i]); };
        if (length >= 8)
            return {load<std::uint64_t>(at), load<std::uint64_t>(at + length - 8), length};
        if (length >= 4)
            return {load<std::uint32_t>(at), load<std::uint32_t>(at + length - 4), length};
        return {byte(0) | byte(length / 2) << 8, byte(length - 1), length};
    }
    // Of more.
    static NameKey of_long(std::string_view name) noexcept {
        constexpr std::uint64_t k = 0x9e3779b97f4a7c15u;
        const char* at = name.data();
        std::uint64_t hash = 0;
        for (std::size_t left = name.size(); left > 8; left -= 8, at += 8)
            hash = (hash ^ load<std::uint64_t>(at)) * k, hash ^= hash >> 29;
        return {hash, load<std::uint64_t>(name.data() + name.size() - 8), name.size()};
    }

    bool operator==(const NameKey& other) const noexcept {
        return ((first ^ other.first) | (last ^ other.last) | (length ^ other.length)) == 0;
    }
    // The high bits are the good ones: every byte of the words reaches them.
    std::uint64_t hash() const noexcept {
        return (first ^ length) * 0x9e3779b97f4a7c15u + last * 0xc2b2ae3d27d4eb4fu;
    }

private:
    template<class Word>
    static std::uint64_t load(const char* at) noexcept {
        Word value;
        std::memcpy(&value, at, sizeof(value));
        return value;
    }
};

} // namespace hwalloc
