// Pictures as PNG files.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hwalloc/result.h"

namespace hwalloc::tools {

// The bytes of a file for rows of R, G, B without gaps, each of them `depth` bits: 8, or 16 with the high
// byte first. Errors: invalid (too few of them), exhausted, and what libpng says.
Result<std::vector<std::uint8_t>> encode_png(std::uint32_t width, std::uint32_t height,
                                             std::span<const std::uint8_t> rgb, unsigned depth = 8);

} // namespace hwalloc::tools
