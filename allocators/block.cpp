#include "hwalloc/block.h"

#include <cstring>

#include "allocators/geometry.h"
#include "common/checked.h"
#include "hwalloc/allocator.h"

namespace hwalloc {

Result<Geometry> Geometry::of(std::size_t size, const AllocationParams& params,
                              std::size_t granule) noexcept {
    if (!is_align_mask(params.align))
        return Error(ErrorKind::invalid, "align is not a mask (a power of two less one)");
    Geometry geometry;
    if (!lay_out(geometry, size, params, granule))
        return Error(ErrorKind::limit, "prefix + size + padding + alignment does not fit");
    return geometry;
}

Result<Geometry> Geometry::window(std::size_t maxsize, std::size_t offset, std::size_t size,
                                  MemoryFlags flags) noexcept {
    std::size_t end;
    if (!known_flags(flags))
        return Error(ErrorKind::invalid, "unknown memory flags");
    if (!checked_add(offset, size, end) || end > maxsize)
        return Error(ErrorKind::invalid, "the window lies outside the memory");
    return Geometry{
        .maxsize = maxsize, .align = 0, .offset = offset, .size = size, .flags = flags, .storage = maxsize};
}

// The word that maps and shares change has a cache line to itself: everything they only read (virtual table,
// allocator, and the rest of the root Memory) fills the line before it.
static_assert(sizeof(void*) != 8 || 2 * sizeof(void*) + sizeof(Memory) - sizeof(std::uint64_t) == 64);

Result<std::uint8_t*> Block::mem_map(Memory&, std::size_t, MapFlags) noexcept {
    return Error(ErrorKind::unsupported, "this memory cannot be mapped");
}
Result<std::uint8_t*> Block::mem_map_full(Memory& view, MapInfo& info, std::size_t maxsize) noexcept {
    return mem_map(view, maxsize, info.flags);
}
Result<void> Block::mem_unmap(Memory&) noexcept {
    return {};
}
Result<void> Block::mem_unmap_full(Memory& view, MapInfo&) noexcept {
    return mem_unmap(view);
}
Result<void> Block::mem_share(Memory&) noexcept {
    return {};
}

Result<MemoryRef> Block::mem_copy(Memory& view, std::size_t offset, std::size_t size,
                                  Allocator* target) noexcept {
    return default_copy(view, offset, size, target);
}

bool Block::mem_is_span(const Memory& a, const Memory& b, std::size_t* offset) noexcept {
    if (a.offset() + a.size() != b.offset() || a.offset() < root_.offset())
        return false;
    if (offset)
        *offset = a.offset() - root_.offset();
    return true;
}

// ---- for bindings

bool Block::set_user_data(void* data, Notify destroy) noexcept {
    void* free = nullptr;
    if (!data || !destroy || !user_data_.compare_exchange_strong(free, data, std::memory_order_relaxed))
        return false;
    user_destroy_.store(destroy, std::memory_order_release);
    return true;
}

void Block::destroy_user_data() noexcept {
    const Notify destroy = user_destroy_.load(std::memory_order_acquire);
    if (!destroy) [[likely]]
        return;
    destroy(user_data_.load(std::memory_order_relaxed));
    // The place is free again when the block is given out again (renew).
    user_destroy_.store(nullptr, std::memory_order_relaxed);
    user_data_.store(nullptr, std::memory_order_relaxed);
}

Result<void> Block::begin_cpu_access(Memory& view, MapInfo& info, MapFlags flags) noexcept {
    const auto refuse = [&](Error error) {
        info = MapInfo{};
        return error;
    };
    if (&view.block() != this)
        return refuse({ErrorKind::invalid, "the memory belongs to another block"});
    constexpr auto below_custom =
        static_cast<MapFlags>(static_cast<std::uint32_t>(MapFlags::custom_base) - 1);
    if (!has_any(flags, MapFlags::readwrite) || has_any(flags, below_custom & ~MapFlags::readwrite))
        return refuse({ErrorKind::invalid, "an access needs READ, WRITE or both, and custom bits at most"});
    if (has(view.flags_, MemoryFlags::not_mappable))
        return refuse({ErrorKind::unsupported, "the memory is flagged NOT_MAPPABLE"});
    if (has(flags, MapFlags::write) && has(view.flags_, MemoryFlags::readonly))
        return refuse({ErrorKind::conflict, "the memory is READONLY and cannot be accessed for writing"});
    info = MapInfo{};
    view.describe(info, flags);
    if (!view.base_) {
        auto region = mem_map_full(view, info, view.maxsize_);
        if (!region || !*region)
            return refuse(region ? Error(ErrorKind::unsupported, "the backend gave no address for the memory")
                                 : std::move(region).error());
        info.data = *region + view.offset_;
    }
    info.memory = nullptr;
    return {};
}

Result<void> Block::end_cpu_access(Memory& view, MapInfo& info) noexcept {
    if (&view.block() != this || info.memory || !info.data)
        return Error(ErrorKind::invalid, "the MapInfo holds no access that begin_cpu_access() began");
    Result<void> ended;
    if (!view.base_) {
        info.memory = &view;
        ended = mem_unmap_full(view, info);
    }
    info = MapInfo{};
    return ended;
}

void* Block::do_extension(std::string_view) noexcept {
    return nullptr;
}

void Block::zero_edges(std::uint8_t* region) noexcept {
    if (has(root_.flags_, MemoryFlags::zero_prefixed))
        std::memset(region, 0, root_.offset_);
    const std::size_t end = root_.offset_ + root_.size_;
    if (has(root_.flags_, MemoryFlags::zero_padded))
        std::memset(region + end, 0, root_.maxsize_ - end);
}

} // namespace hwalloc
