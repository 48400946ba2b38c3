// Which modifiers a list of them allows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "hwalloc/image_layout.h"

namespace hwalloc {

// Whether linear pixels are among the modifiers.
inline bool has_linear(std::span<const std::uint64_t> modifiers) noexcept {
    return std::find(modifiers.begin(), modifiers.end(), linear_modifier) != modifiers.end();
}
// The same of a request, where an empty list leaves the choice.
inline bool allows_linear(std::span<const std::uint64_t> modifiers) noexcept {
    return modifiers.empty() || has_linear(modifiers);
}

} // namespace hwalloc
