// Size arithmetic that says when it does not fit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hwalloc {

// Each stores the exact result and returns true, or returns false when it does not fit.
template<class T>
[[nodiscard]] constexpr bool checked_add(T a, T b, T& sum) noexcept {
    return !__builtin_add_overflow(a, b, &sum);
}
template<class T>
[[nodiscard]] constexpr bool checked_mul(T a, T b, T& product) noexcept {
    return !__builtin_mul_overflow(a, b, &product);
}

// A mask is one less than a power of two: 0, 1, 3, 7, ... (also all ones).
constexpr bool is_align_mask(std::size_t mask) noexcept {
    return (mask & (mask + 1)) == 0;
}

// Rounds `value` up to a multiple of mask + 1.
[[nodiscard]] constexpr bool checked_round_up(std::size_t value, std::size_t mask,
                                              std::size_t& rounded) noexcept {
    if (!checked_add(value, mask, rounded))
        return false;
    rounded &= ~mask;
    return true;
}

} // namespace hwalloc
