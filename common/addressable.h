// Sizes that devices and files count in 64 bits, as sizes of this process, which may have 32.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "hwalloc/result.h"

namespace hwalloc {

// No object is larger than the difference of two addresses can be.
inline constexpr std::uint64_t most_addressable = std::numeric_limits<std::ptrdiff_t>::max();
inline constexpr const char* beyond_addressable = sizeof(void*) == 4
                                                      ? "a 32-bit process can have no memory of 2 GiB or more"
                                                      : "the size is larger than any mapping can be";

// Errors: limit (more than this process can address).
inline Result<std::size_t> addressable(std::uint64_t bytes) noexcept {
    if (bytes > most_addressable)
        return Error(ErrorKind::limit, beyond_addressable).wanted(bytes).held(most_addressable);
    return static_cast<std::size_t>(bytes);
}
// As many of `bytes` as this process can address: for limits that a device tells.
constexpr std::size_t at_most_addressable(std::uint64_t bytes) noexcept {
    return static_cast<std::size_t>(std::min(bytes, most_addressable));
}

} // namespace hwalloc
