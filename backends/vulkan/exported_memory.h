// The VkDeviceMemory behind a dma-buf that this device exported.
#pragma once

#include "backends/vulkan/device_memory.h"
#include "backends/vulkan/session.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc::vulkan::detail {

// It, and what it is bound to.
struct ExportedMemory {
    DeviceMemory memory;
    OwnedBuffer buffer; // one of the two
    OwnedImage image;
    VkDeviceSize buffer_size = 0;
    VkFormat format = VK_FORMAT_UNDEFINED;
    bool plane_views = false;
    ImageLayout layout{};
    std::uint32_t type = 0;
    std::uint8_t* mapped = nullptr; // for its life; null: the CPU does not see it
    DmaBufRef dma_buf;
};

// Memory for the buffer or image that `made` has: allocated, bound, mapped where the CPU sees it, exported,
// and zeroed. Errors: limit, exhausted (with the heap's budget), unsupported (no such memory type, or it
// cannot be zeroed), incompatible (the driver's dma-buf is too small), those of the driver.
Result<void> export_memory(Session& session, ExportedMemory& made,
                           const VkMemoryRequirements& needs) noexcept;

} // namespace hwalloc::vulkan::detail
