// Copies by the GPU between memories.
#pragma once

#include "backends/vulkan/memory.h"

namespace hwalloc::vulkan::detail {

// A copy of [offset, offset + size) of `view` in memory of `target`, by the GPU: for what the CPU reads
// slowly or not at all. `source` is view's storage.
Result<MemoryRef> copy_by_gpu(HasVulkanMemory& source, Memory& view, std::size_t offset, std::size_t size,
                              Allocator& target) noexcept;

} // namespace hwalloc::vulkan::detail
