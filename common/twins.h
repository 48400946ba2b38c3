// Twins: memory for a trial that shows whether a device demands physically contiguous memory.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {

// Who makes twins, as dma_buf::exporter_of() calls it.
inline constexpr std::string_view twins_exporter = "udmabuf";

// Two udmabufs over the same pages, the second with its first two pages swapped, so they cannot both be
// contiguous, nor can any part of both that begins at their start and is longer than a page (a device may use
// less than all): a device that takes both needs no contiguity, and one that takes one by luck and refuses
// the other does. Each has `size` bytes, rounded up to a multiple of two pages, and is open for reading and
// writing. Errors: those of opening /dev/udmabuf (unavailable, permission: with what to do), limit (a size
// that cannot be rounded up), exhausted, and what the driver answers (EINVAL: above its size_limit_mb).
Result<std::array<UniqueFd, 2>> make_twins(std::size_t size) noexcept;

} // namespace hwalloc
