#include "backends/vulkan/exported_block.h"

#include <algorithm>

#include "allocators/interface_of.h"
#include "backends/vulkan/copy.h"

namespace hwalloc::vulkan::detail {
namespace {

template<class Binding>
struct Kept final : Binding {
    MemoryRef keep;
};

} // namespace

BorrowedFd ExportedBlock::block_fd(FdKind kind) noexcept {
    const bool has_it = kind == FdKind::dmabuf;
    return {.kind = kind,
            .fd = has_it ? made_.dma_buf->fd() : -1,
            .offset = 0,
            .size = root().size(),
            .writable = made_.dma_buf->writable()};
}

Result<std::shared_ptr<const BufferBinding>> ExportedBlock::buffer(Memory& memory) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<const BufferBinding>> {
        if (!made_.buffer.get())
            return std::shared_ptr<const BufferBinding>();
        auto handle = memory.ref();
        if (!handle)
            return std::move(handle).error();
        auto binding = std::make_shared<Kept<BufferBinding>>();
        binding->buffer = made_.buffer.get();
        binding->memory = made_.memory.get();
        binding->size = made_.buffer_size;
        binding->foreign = true; // a dma-buf: whoever has its descriptor may write
        binding->keep = *std::move(handle);
        return binding;
    });
}

Result<std::shared_ptr<const ImageBinding>> ExportedBlock::image(Memory& memory) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<const ImageBinding>> {
        if (!made_.image.get())
            return std::shared_ptr<const ImageBinding>();
        auto handle = memory.ref();
        if (!handle)
            return std::move(handle).error();
        auto binding = std::make_shared<Kept<ImageBinding>>();
        binding->image = made_.image.get();
        binding->memory = made_.memory.get();
        binding->format = made_.format;
        binding->extent = {made_.layout.width, made_.layout.height};
        binding->modifier = made_.layout.modifier;
        binding->layout = made_.layout;
        binding->usage = exported_image_usage;
        binding->plane_views = made_.plane_views;
        binding->keep = *std::move(handle);
        return binding;
    });
}

// ---- CPU access

// The whole mapping, in which every range is one of whole atoms (Vulkan, VkMappedMemoryRange: to the end
// of the memory a size need not be a multiple of nonCoherentAtomSize), from the atom in which the window
// begins.
VkMappedMemoryRange ExportedBlock::range_from(std::size_t offset) const noexcept {
    const VkDeviceSize atom = std::max<VkDeviceSize>(session_.limits.nonCoherentAtomSize, 1);
    return {.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
            .memory = made_.memory.get(),
            .offset = offset / atom * atom,
            .size = VK_WHOLE_SIZE};
}

VkResult ExportedBlock::flush(std::size_t offset) const noexcept {
    const VkMappedMemoryRange range = range_from(offset);
    return session_.functions.FlushMappedMemoryRanges(session_.device, 1, &range);
}

VkResult ExportedBlock::invalidate(std::size_t offset) const noexcept {
    const VkMappedMemoryRange range = range_from(offset);
    return session_.functions.InvalidateMappedMemoryRanges(session_.device, 1, &range);
}

// Two things, because two sides may have the memory: the dma-buf's bracket is for every device that
// imported it, and flushing and invalidating are for this VkDevice where its memory is not coherent.
Result<std::uint8_t*> ExportedBlock::mem_map_full(Memory& view, MapInfo& info, std::size_t) noexcept {
    if (!made_.mapped)
        return made_.dma_buf->begin_cpu_access(info.flags);
    if (auto begun = made_.dma_buf->begin_mapped_access(info.flags); !begun)
        return std::move(begun).error();
    if (coherent())
        return made_.mapped;
    auto begun = access_.begin(
        session_, info.flags, [&] { return flush(0); }, [&] { return invalidate(view.offset()); });
    if (!begun) {
        (void)made_.dma_buf->end_cpu_access(info.flags);
        return std::move(begun).error();
    }
    return made_.mapped;
}

Result<void> ExportedBlock::mem_unmap_full(Memory& view, MapInfo& info) noexcept {
    Result<void> flushed;
    if (made_.mapped && !coherent())
        flushed = access_.end(session_, info.flags, [&] { return flush(view.offset()); });
    auto ended = made_.dma_buf->end_cpu_access(info.flags);
    return flushed ? std::move(ended) : std::move(flushed);
}

Result<MemoryRef> ExportedBlock::mem_copy(Memory& view, std::size_t offset, std::size_t size,
                                          Allocator* target) noexcept {
    constexpr std::size_t small = 64 << 10; // below that the GPU's round trip costs more than slow reads
    if (cached() || !session_.transfer || (made_.mapped && size <= small))
        return default_copy(view, offset, size, target);
    return copy_by_gpu(*this, view, offset, size, target ? *target : allocator());
}

void* ExportedBlock::do_extension(std::string_view id) noexcept {
    return interface_of<HasFd, HasDmaBuf, HasVulkanMemory>(this, id);
}

} // namespace hwalloc::vulkan::detail
