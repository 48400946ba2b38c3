#include "access.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"
#include "memory.h"
#include "plain_memory.h"

namespace hwalloc::gst {

namespace {

gpointer map_by_parent(GstMemory* memory, GstMapInfo* info, gsize most) {
    const Part& part = *part_of(memory->allocator);
    return part.map_full_by_parent ? part.map_full_by_parent(memory, info, most)
                                   : part.map_by_parent(memory, most, info->flags);
}

void unmap_by_parent(GstMemory* memory, GstMapInfo* info) {
    const Part& part = *part_of(memory->allocator);
    if (part.unmap_full_by_parent)
        part.unmap_full_by_parent(memory, info);
    else
        part.unmap_by_parent(memory);
}

gpointer map(GstMemory* memory, GstMapInfo* info, gsize most) {
    Memory* const made = storage_of(memory);
    if (!made) [[unlikely]]
        return map_by_parent(memory, info, most);
    Memory& storage = *made;
    MapInfo access;
    const auto flags = static_cast<MapFlags>(info->flags & GST_MAP_READWRITE);
    if (auto begun = storage.block().begin_cpu_access(storage, access, flags); !begun) {
        // Elements try, and do without: memory that cannot be mapped is no fault.
        const bool expected =
            begun.error().kind() == ErrorKind::unsupported || begun.error().kind() == ErrorKind::conflict;
        return refuse(GST_OBJECT(memory->allocator), "mapping", begun.error(),
                      expected ? GST_LEVEL_INFO : GST_LEVEL_WARNING);
    }
    static_assert(sizeof info->user_data == sizeof access.user_data);
    std::ranges::copy(access.user_data, info->user_data);
    return access.data - storage.offset();
}

void unmap(GstMemory* memory, GstMapInfo* info) {
    Memory* const made = storage_of(memory);
    if (!made) [[unlikely]] {
        unmap_by_parent(memory, info);
        return;
    }
    Memory& storage = *made;
    MapInfo access;
    access.data = info->data;
    access.size = storage.size();
    access.maxsize = storage.maxsize() - storage.offset();
    access.flags = static_cast<MapFlags>(info->flags & GST_MAP_READWRITE);
    std::ranges::copy(info->user_data, access.user_data);
    if (auto ended = storage.block().end_cpu_access(storage, access); !ended)
        refuse(GST_OBJECT(memory->allocator), "ending a map", ended.error());
}

std::uint8_t* find_base(GstMemory* memory) {
    PlainMemory& plain = *plain_of(memory);
    Memory& storage = *plain.storage;
    MapInfo access;
    if (auto begun = storage.block().begin_cpu_access(storage, access, MapFlags::read); !begun)
        return refuse(GST_OBJECT(memory->allocator), "mapping", begun.error());
    std::uint8_t* const base = access.data - storage.offset();
    (void)storage.block().end_cpu_access(storage, access);
    plain.base.store(base, std::memory_order_relaxed); // whoever else finds it finds the same
    return base;
}

// Of an allocator whose memory is the process's own: mapped for good, and nobody's cache is maintained.
gpointer map_host(GstMemory* memory, gsize, GstMapFlags flags) {
    if (!(flags & GST_MAP_READWRITE)) [[unlikely]]
        return refuse(GST_OBJECT(memory->allocator), "mapping",
                      Error(ErrorKind::invalid, "an access needs READ, WRITE or both"));
    std::uint8_t* const base = plain_of(memory)->base.load(std::memory_order_relaxed);
    return base ? base : find_base(memory);
}

void unmap_host(GstMemory*) {}

} // namespace

void set_access_functions(GstAllocator* allocator, const Part& part) noexcept {
    const bool host = part.form == Form::plain && part.allocator->extension<WrapsHostMemory>();
    allocator->mem_map_full = host ? nullptr : map;
    allocator->mem_unmap_full = host ? nullptr : unmap;
    // Those of GStreamer's classes stay: GstDmaBufAllocator's own function maps by them.
    if (part.form == Form::plain) {
        allocator->mem_map = host ? map_host : nullptr;
        allocator->mem_unmap = host ? unmap_host : nullptr;
    }
}

} // namespace hwalloc::gst
