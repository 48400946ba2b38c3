// Writing PNG files.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>

#include "hwalloc/result.h"

namespace hwalloc::tools {

// Writes rows of R, G, B bytes without gaps to `file`, which stays open. Error: what libpng says.
Result<void> write_png(std::FILE* file, std::uint32_t width, std::uint32_t height,
                       std::span<const std::uint8_t> rgb);

} // namespace hwalloc::tools
