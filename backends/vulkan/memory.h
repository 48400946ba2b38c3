// What the storage of this backend shows the rest of it: where its bytes are in Vulkan.
#pragma once

#include <memory>
#include <string_view>

#include "backends/vulkan/bindings.h"
#include "backends/vulkan/session.h"
#include "hwalloc/block.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc::vulkan::detail {

// On a Block: storage in a VkDeviceMemory of `session()`.
class HasVulkanMemory {
public:
    static constexpr std::string_view extension_id = "hwalloc.vulkan-memory.v1";
    virtual Session& session() noexcept = 0;
    // The storage as a VkBuffer, kept alive by `memory`, which is a window on it. Null: it is no buffer (an
    // image).
    virtual Result<std::shared_ptr<const BufferBinding>> buffer(Memory& memory) noexcept = 0;
    // Where the region begins in that VkBuffer.
    virtual VkDeviceSize region_offset() const noexcept = 0;
    // The storage as the VkImage that was allocated with it; null where there is none.
    virtual Result<std::shared_ptr<const ImageBinding>> image(Memory& memory) noexcept = 0;
    // The CPU can read it, and does so through its cache.
    virtual bool cached() const noexcept = 0;

protected:
    ~HasVulkanMemory() = default;
};

// On an Allocator of this backend.
class OnVulkanDevice {
public:
    static constexpr std::string_view extension_id = "hwalloc.on-vulkan-device.v1";
    virtual Result<std::shared_ptr<Session>> session() noexcept = 0;

protected:
    ~OnVulkanDevice() = default;
};

// `memory` as a VkBuffer of `session`, native or imported, with the offset of its window in it.
Result<BufferWindow> buffer_of(Session& session, Memory& memory) noexcept;

// The dma-buf behind memory of any backend, and where the memory's window begins in it. Error: unsupported.
struct DmaBufWindow {
    DmaBufRef dma_buf;
    VkDeviceSize offset = 0;
};
Result<DmaBufWindow> find_dma_buf(const Session& session, Memory& memory) noexcept;

} // namespace hwalloc::vulkan::detail
