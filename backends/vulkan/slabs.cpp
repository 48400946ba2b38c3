#include "backends/vulkan/slabs.h"

#include <algorithm>
#include <new>
#include <utility>

#include "backends/vulkan/vma_memory.h"
#include "common/poison.h"

namespace hwalloc::vulkan::detail {
namespace {

constexpr VkDeviceSize chunk_bytes = 64 << 10;
} // namespace

struct Slab {
    VmaAllocation allocation = nullptr;
    std::uint8_t* mapped = nullptr;
    std::uint16_t type = 0;
    std::uint32_t heap = 0;
    // How it is cut.
    std::size_t size_class = 0;
    std::uint32_t bytes = 0, pieces = 0;
    std::uint32_t used = 0, returned = 0, untouched = 0;
    Slab *next = nullptr, *before = nullptr;
    // Pieces that came back, the last on top; those from `untouched` on were never given out.
    std::uint16_t free[chunk_bytes / SizeClass::unit];

    void cut(SizeClass size, VkDeviceSize unit) noexcept {
        size_class = size.index;
        bytes = static_cast<std::uint32_t>((size.bytes() + unit - 1) & ~(unit - 1));
        pieces = static_cast<std::uint32_t>(chunk_bytes / bytes);
        used = returned = untouched = 0;
    }
};

// No two pieces share an atom, which is flushed and invalidated as a whole; and a VkBuffer may begin at any
// of them. (All of these are powers of two.)
Slabs::Slabs(Context& context, bool mapped) noexcept
    : context_(context)
    , mapped_(mapped)
    , unit_(std::max(
          {VkDeviceSize{SizeClass::unit}, context.buffer_alignment, context.limits.nonCoherentAtomSize}))
    , alignment_(unit_ > largest ? 0 : std::min(unit_, VkDeviceSize{context.limits.minMemoryMapAlignment})) {}

Slabs::~Slabs() {
    if (spare_)
        discard(spare_);
}

VkDeviceSize Slabs::size_of(const Slot& slot) noexcept {
    return slot.slab->bytes;
}

Slot Slabs::take(VkDeviceSize bytes) noexcept {
    const SizeClass wanted = SizeClass::of(static_cast<std::size_t>(bytes));
    std::unique_lock guard(mutex_);
    if (!open_[wanted.index] && !spare_) [[unlikely]] {
        guard.unlock();
        Slab* const fresh = fresh_slab();
        guard.lock();
        if (fresh)
            enter(*fresh, wanted);
    }
    Slab* slab = open_[wanted.index];
    if (!slab) [[unlikely]] {
        if (!spare_)
            return {};
        slab = std::exchange(spare_, nullptr);
        slab->cut(wanted, unit_);
        link(*slab);
    }
    const std::uint32_t piece = slab->returned > 0 ? slab->free[--slab->returned] : slab->untouched++;
    if (++slab->used == slab->pieces)
        unlink(*slab);
    Count& count = counts_[slab->heap];
    ++count.pieces;
    count.piece_bytes += slab->bytes;
    const std::uint32_t within = piece * slab->bytes;
    if (slab->mapped)
        unpoison(slab->mapped + within, slab->bytes);
    return {.allocation = slab->allocation,
            .slab = slab,
            .mapped = slab->mapped ? slab->mapped + within : nullptr,
            .within = within,
            .piece = static_cast<std::uint16_t>(piece),
            .type = slab->type};
}

void Slabs::give_back(const Slot& slot) noexcept {
    Slab* over = nullptr;
    {
        const std::lock_guard guard(mutex_);
        Slab& slab = *slot.slab;
        if (slab.mapped)
            poison(slot.mapped, slab.bytes);
        Count& count = counts_[slab.heap];
        --count.pieces;
        count.piece_bytes -= slab.bytes;
        if (slab.used-- == slab.pieces)
            link(slab);
        slab.free[slab.returned++] = slot.piece;
        if (slab.used == 0) [[unlikely]] {
            unlink(slab);
            if (spare_) {
                over = &slab;
                --count.chunks;
                count.chunk_bytes -= chunk_bytes;
            } else {
                spare_ = &slab;
            }
        }
    }
    if (over)
        discard(over);
}

Slabs::Count Slabs::count(std::uint32_t heap) noexcept {
    const std::lock_guard guard(mutex_);
    return counts_[heap];
}

Slab* Slabs::fresh_slab() const noexcept {
    auto* slab = new (std::nothrow) Slab;
    if (!slab)
        return nullptr;
    VmaAllocationInfo info{};
    if (allocate_by_vma(context_, mapped_, chunk_bytes, unit_, slab->allocation, info) != VK_SUCCESS) {
        delete slab;
        return nullptr;
    }
    slab->mapped = static_cast<std::uint8_t*>(info.pMappedData);
    if (slab->mapped)
        poison(slab->mapped, chunk_bytes);
    slab->type = static_cast<std::uint16_t>(info.memoryType);
    slab->heap = context_.memory.memoryTypes[info.memoryType].heapIndex;
    return slab;
}

// Other threads may have made chunks meanwhile, so that there is a spare one already.
void Slabs::enter(Slab& fresh, SizeClass wanted) noexcept {
    Count& count = counts_[fresh.heap];
    ++count.chunks;
    count.chunk_bytes += chunk_bytes;
    if (!spare_) {
        spare_ = &fresh;
    } else {
        fresh.cut(wanted, unit_);
        link(fresh);
    }
}

void Slabs::discard(Slab* slab) const noexcept {
    if (slab->mapped)
        unpoison(slab->mapped, chunk_bytes);
    if (context_.of_this_process())
        vmaFreeMemory(context_.vma, slab->allocation);
    delete slab;
}

void Slabs::link(Slab& slab) noexcept {
    slab.before = nullptr;
    slab.next = open_[slab.size_class];
    if (slab.next)
        slab.next->before = &slab;
    open_[slab.size_class] = &slab;
}

void Slabs::unlink(Slab& slab) noexcept {
    (slab.before ? slab.before->next : open_[slab.size_class]) = slab.next;
    if (slab.next)
        slab.next->before = slab.before;
}

} // namespace hwalloc::vulkan::detail
