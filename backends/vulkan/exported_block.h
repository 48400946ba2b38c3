// Storage that this device exported as dma-buf.
#pragma once

#include "backends/vulkan/exported_memory.h"
#include "backends/vulkan/host_access.h"
#include "backends/vulkan/memory.h"

namespace hwalloc::vulkan::detail {

// Of every image that is allocated here.
inline constexpr VkImageUsageFlags exported_image_usage =
    VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;

class ExportedBlock final : public Block, public HasFd, public HasDmaBuf, public HasVulkanMemory {
public:
    ExportedBlock(Allocator& allocator, const Geometry& geometry, Session& session,
                  ExportedMemory made) noexcept
        : Block(allocator, geometry), session_(session), made_(std::move(made)) {}

    BorrowedFd block_fd(FdKind kind) noexcept override;
    const DmaBufRef& dma_buf() noexcept override { return made_.dma_buf; }

    Session& session() noexcept override { return session_; }
    VkDeviceSize region_offset() const noexcept override { return 0; }
    bool cached() const noexcept override {
        return made_.mapped && session_.flags_of(made_.type) & VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    }
    Result<std::shared_ptr<const BufferBinding>> buffer(Memory& memory) noexcept override;
    Result<std::shared_ptr<const ImageBinding>> image(Memory& memory) noexcept override;

private:
    ~ExportedBlock() override = default;

    bool coherent() const noexcept {
        return session_.flags_of(made_.type) & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    }
    VkMappedMemoryRange range_from(std::size_t offset) const noexcept;
    VkResult flush(std::size_t offset) const noexcept;
    VkResult invalidate(std::size_t offset) const noexcept;

    Result<std::uint8_t*> mem_map_full(Memory& view, MapInfo& info, std::size_t maxsize) noexcept override;
    Result<void> mem_unmap_full(Memory& view, MapInfo& info) noexcept override;
    Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                               Allocator* target) noexcept override;
    void* do_extension(std::string_view id) noexcept override;

    Session& session_; // kept by the allocator
    ExportedMemory made_;
    HostAccess access_;
};

} // namespace hwalloc::vulkan::detail
