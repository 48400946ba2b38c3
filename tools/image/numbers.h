// The numbers of pixels, out of the bits of a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hwalloc/pixel_format.h"

namespace hwalloc::tools {

// The first numbers of a component in a row of its plane, as many as `numbers` has room for. The row has
// whole groups of pixels for them. Numbers have 16 bits at most.
void read_numbers(const PixelFormat& format, const PixelComponent& component, const std::uint8_t* row,
                  std::span<std::uint16_t> numbers);

} // namespace hwalloc::tools
