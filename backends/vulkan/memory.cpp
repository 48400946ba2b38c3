#include "backends/vulkan/memory.h"

namespace hwalloc::vulkan::detail {

Result<BufferWindow> buffer_of(Session& session, Memory& memory) noexcept {
    Block& block = memory.block();
    if (auto* native = block.extension<HasVulkanMemory>(); native && &native->session() == &session) {
        auto binding = native->buffer(memory);
        if (!binding)
            return std::move(binding).error();
        if (*binding)
            return BufferWindow{*std::move(binding), native->region_offset() + memory.offset()};
    }
    auto found = find_dma_buf(session, memory);
    if (!found)
        return std::move(found).error();
    auto binding = session.imports->buffer(found->dma_buf);
    if (!binding)
        return std::move(binding).error();
    return BufferWindow{*std::move(binding), found->offset};
}

Result<DmaBufWindow> find_dma_buf(const Session& session, Memory& memory) noexcept {
    auto lent = borrow_fd(memory, FdKind::dmabuf);
    if (!lent)
        return Error(ErrorKind::unsupported, "giving memory to Vulkan")
            .doing("giving memory that has no dma-buf to Vulkan")
            .on(session.name)
            .remedy("use memory that can be exported (`hwalloc list` shows which), or of this device itself");
    if (auto* known = memory.block().extension<HasDmaBuf>())
        return DmaBufWindow{known->dma_buf(), lent->offset};
    auto imported = DmaBuf::import(lent->fd);
    if (!imported)
        return std::move(imported).error();
    return DmaBufWindow{*std::move(imported), lent->offset};
}

} // namespace hwalloc::vulkan::detail
