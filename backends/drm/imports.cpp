// Dma-bufs from elsewhere as memory on a card.
#include "backends/drm/dumb_allocator.h"

namespace hwalloc::drm::detail {

Result<MemoryRef> DumbAllocator::import_dmabuf(int fd, std::size_t offset, std::size_t size,
                                               MemoryFlags flags) noexcept {
    auto taken = take_import(fd, offset, size, flags);
    if (!taken)
        return std::move(taken).error();
    return with_file([&](const std::shared_ptr<File>& file) noexcept {
        return import_on(file, taken->geometry, taken->buffer);
    });
}

Result<MemoryRef> DumbAllocator::import_on(const std::shared_ptr<File>& file, const Geometry& geometry,
                                           const DmaBufRef& buffer) noexcept {
    auto handle = file->import(buffer->fd());
    if (!handle)
        return std::move(handle).error().wanted(buffer->size());
    auto block = make_block(std::move(*handle), geometry, buffer, Origin::imported);
    if (!block)
        return std::move(block).error();
    return MemoryRef::adopt(&(*block)->root());
}

} // namespace hwalloc::drm::detail
