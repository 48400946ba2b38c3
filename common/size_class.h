// Classes of sizes, for whoever keeps freed pieces to use them again: a piece is rounded up to its class, by
// at most an eighth. Multiples of 64 bytes up to 1 KiB, then eight classes between one power of two and the
// next.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace hwalloc {

struct SizeClass {
    static constexpr std::size_t unit = 64;

    // `bytes`: at least 1, less than 2^38.
    static constexpr SizeClass of(std::size_t bytes) noexcept {
        const auto units = static_cast<std::uint32_t>((bytes + unit - 1) / unit) - 1;
        const auto shift = units < 16 ? 0u : static_cast<unsigned>(std::bit_width(units)) - 4;
        return {shift * 8 + (units >> shift)};
    }
    // How many classes there are for pieces of at most `bytes`.
    static constexpr std::size_t count_up_to(std::size_t bytes) noexcept { return of(bytes).index + 1; }
    // Of a piece that belongs to no class.
    static constexpr SizeClass none() noexcept { return {no_index}; }

    constexpr bool some() const noexcept { return index != no_index; }
    constexpr std::size_t bytes() const noexcept {
        return index < 16 ? (index + 1) * unit : std::size_t{index % 8 + 9} << (index / 8 - 1) << 6;
    }

    std::uint32_t index; // from 0, in the order of sizes

private:
    static constexpr std::uint32_t no_index = 0xffffffff;
};
static_assert(SizeClass::unit == 1 << 6);
static_assert(SizeClass::of(1).bytes() == 64 && SizeClass::of(1024).bytes() == 1024);
static_assert(SizeClass::of(1025).bytes() == 1152 && SizeClass::of(1025).index == 16);
static_assert(SizeClass::of(4231).bytes() == 4608 && SizeClass::of(16384).bytes() == 16384);

} // namespace hwalloc
