#include "backends/vulkan/copy.h"

#include <algorithm>
#include <cstring>

#include "backends/vulkan/allocators.h"

namespace hwalloc::vulkan::detail {

Result<MemoryRef> copy_by_gpu(HasVulkanMemory& source, Memory& view, std::size_t offset, std::size_t size,
                              Allocator& target) noexcept {
    Session& session = source.session();
    if (!session.transfer)
        return Error(ErrorKind::unsupported, "copying memory that the CPU does not see needs a queue")
            .on(session.name)
            .remedy("give Device::wrap() a queue");
    auto from = buffer_of(session, view);
    if (!from)
        return std::move(from).error();
    from->offset += offset;
    // What the memory's own allocator gave once it gives again; of another one that is not to be asked.
    auto made =
        target.alloc(size, {.align = &target == &view.allocator() ? std::max(view.align(), default_align)
                                                                  : default_align});
    if (!made || size == 0)
        return made;
    if (from->offset > from->binding->size || size > from->binding->size - from->offset)
        return Error(ErrorKind::incompatible, "copying memory by the GPU")
            .on(session.name)
            .wanted(size)
            .held(from->binding->size)
            .remedy("the driver pads buffers, so its buffer ends before the memory does");
    auto to = buffer_of(session, **made);
    // Not when the driver pads buffers, so that the VkBuffer ends before the memory does.
    const bool short_of_it = to && (to->offset > to->binding->size || size > to->binding->size - to->offset);
    if (to && !short_of_it) {
        if (auto copied = session.transfer->copy(*from, *to, size); !copied)
            return std::move(copied).error();
        return made;
    }
    // Memory that this device cannot reach gets the bytes from the CPU, out of memory that both reach.
    if (has((*made)->flags(), MemoryFlags::not_mappable)) {
        if (short_of_it)
            return Error(ErrorKind::incompatible, "the GPU's buffer ends before the memory does")
                .on(session.name)
                .wanted(size)
                .held(to->binding->size);
        return std::move(to).error();
    }
    auto host = make_allocator(session.shared(), Placement::host);
    if (!host)
        return std::move(host).error();
    auto between = (*host)->alloc(size);
    if (!between)
        return between;
    auto stage = buffer_of(session, **between);
    if (!stage)
        return std::move(stage).error();
    if (auto copied = session.transfer->copy(*from, *stage, size); !copied)
        return std::move(copied).error();
    auto read = (*between)->map(MapFlags::read);
    auto written = (*made)->map(MapFlags::write);
    if (!read || !written)
        return read ? std::move(written).error() : std::move(read).error();
    std::memcpy(written->data(), read->data(), size);
    if (auto ended = written->unmap(); !ended)
        return std::move(ended).error();
    return made;
}

} // namespace hwalloc::vulkan::detail
