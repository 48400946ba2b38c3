// Twins: two dma-bufs that tell whether a device needs physically contiguous memory.
#pragma once

#include <array>
#include <cstddef>

#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {

// Two udmabufs of at least `size` bytes over the same pages, the second with its halves swapped, so that the
// two cannot both be contiguous: a device that takes both needs no contiguity, and one that takes one by luck
// and refuses the other does. Needs /dev/udmabuf. Errors: unavailable, permission (with the node's owner and
// mode), limit (larger than udmabuf allows), exhausted.
Result<std::array<UniqueFd, 2>> make_twins(std::size_t size) noexcept;

} // namespace hwalloc
