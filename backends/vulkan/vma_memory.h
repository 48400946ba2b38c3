// Memory for buffers by the Vulkan Memory Allocator.
#pragma once

#include <cstdint>
#include <optional>

#include "backends/vulkan/context.h"
#include "backends/vulkan/vma.h"

namespace hwalloc::vulkan::detail {

// Makes context.vma, which the caller destroys. Errors: those of the driver.
Result<void> create_vma(Context& context) noexcept;

// Memory for buffers from VMA; `mapped`: that the CPU can see, mapped for good, else the GPU's own.
VkResult allocate_by_vma(Context& context, bool mapped, VkDeviceSize bytes, VkDeviceSize alignment,
                         VmaAllocation& allocation, VmaAllocationInfo& got) noexcept;

// The memory type that VMA would take; nothing where there is none.
std::optional<std::uint32_t> type_by_vma(const Context& context, bool mapped) noexcept;

} // namespace hwalloc::vulkan::detail
