// What the storage of this backend shows the rest of it: where its bytes are in Vulkan.
#pragma once

#include <memory>
#include <string_view>

#include "backends/vulkan/session.h"
#include "hwalloc/block.h"
#include "hwalloc/dma_buf.h"
#include "hwalloc/vulkan.h"

namespace hwalloc::vulkan::detail {

// A VkBuffer and what it is bound to; whoever owns them derives from it.
struct BufferBinding {
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    VkDeviceSize memory_offset = 0; // where the VkBuffer begins in it
    bool foreign = false;           // another device may write the bytes

    virtual ~BufferBinding() = default;
};

struct ImageBinding {
    VkImage image = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    VkFormat format = VK_FORMAT_UNDEFINED;
    VkExtent2D extent{};
    std::uint64_t modifier = 0;
    ImageLayout layout{};
    VkImageUsageFlags usage = 0;

    virtual ~ImageBinding() = default;
};

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
struct BufferWindow {
    std::shared_ptr<const BufferBinding> binding;
    VkDeviceSize offset = 0;
};
Result<BufferWindow> buffer_of(Session& session, Memory& memory) noexcept;

// The dma-buf behind memory of any backend, and where the memory's window begins in it. Error: unsupported.
struct DmaBufWindow {
    DmaBufRef dma_buf;
    VkDeviceSize offset = 0;
};
Result<DmaBufWindow> find_dma_buf(const Session& session, Memory& memory) noexcept;

// A copy of [offset, offset + size) of `view` in memory of `target`, by the GPU: for what the CPU reads
// slowly or not at all. `source` is view's storage.
Result<MemoryRef> copy_by_gpu(HasVulkanMemory& source, Memory& view, std::size_t offset, std::size_t size,
                              Allocator& target) noexcept;

} // namespace hwalloc::vulkan::detail
