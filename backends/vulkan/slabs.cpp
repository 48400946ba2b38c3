#include "backends/vulkan/slabs.h"

#include <algorithm>
#include <new>
#include <utility>

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
    // Pieces that came back, the last on top; those from `untouched` on were never out.
    std::uint16_t free[chunk_bytes / SizeClass::unit];

    void cut(SizeClass size, VkDeviceSize unit) noexcept {
        size_class = size.index;
        bytes = static_cast<std::uint32_t>((size.bytes() + unit - 1) & ~(unit - 1));
        pieces = static_cast<std::uint32_t>(chunk_bytes / bytes);
        used = returned = untouched = 0;
    }
};

namespace {

VmaAllocationCreateInfo wishes(bool mapped) noexcept {
    VmaAllocationCreateInfo info{};
    info.flags = VMA_ALLOCATION_CREATE_STRATEGY_MIN_TIME_BIT;
    if (mapped) {
        info.flags |= VMA_ALLOCATION_CREATE_MAPPED_BIT;
        info.requiredFlags = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
        info.preferredFlags = VK_MEMORY_PROPERTY_HOST_CACHED_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    } else {
        info.requiredFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    }
    return info;
}

} // namespace

std::optional<std::uint32_t> type_by_vma(const Session& session, bool mapped) noexcept {
    const VmaAllocationCreateInfo info = wishes(mapped);
    std::uint32_t type = 0;
    if (vmaFindMemoryTypeIndex(session.vma, session.buffer_types, &info, &type) != VK_SUCCESS)
        return std::nullopt;
    return type;
}

namespace {

// VMA tells every failure as a lack of memory: what the driver answered this thread last, and whose driver it
// is.
struct Asked {
    const Session* session = nullptr;
    VkResult answer = VK_SUCCESS;
};
thread_local Asked asked;

} // namespace

VkResult VKAPI_CALL allocate_for_vma(VkDevice device, const VkMemoryAllocateInfo* info,
                                     const VkAllocationCallbacks* callbacks, VkDeviceMemory* memory) {
    asked.answer = asked.session->functions.AllocateMemory(device, info, callbacks, memory);
    return asked.answer;
}

VkResult allocate_by_vma(Session& session, bool mapped, VkDeviceSize bytes, VkDeviceSize alignment,
                         VmaAllocation& allocation, VmaAllocationInfo& got) noexcept {
    const VkMemoryRequirements needs{.size = bytes,
                                     .alignment = std::max(session.buffer_alignment, alignment),
                                     .memoryTypeBits = session.buffer_types};
    const VmaAllocationCreateInfo info = wishes(mapped);
    asked = {&session, VK_SUCCESS};
    const VkResult result = vmaAllocateMemory(session.vma, &needs, &info, &allocation, &got);
    if (!mapped)
        got.pMappedData = nullptr;
    return result != VK_SUCCESS && asked.answer == VK_ERROR_DEVICE_LOST ? asked.answer : result;
}

// No two pieces share an atom, which is flushed and invalidated as a whole; and a VkBuffer may begin at any
// of them. (All of these are powers of two.)
Slabs::Slabs(Session& session, bool mapped) noexcept
    : session_(session)
    , mapped_(mapped)
    , unit_(std::max(
          {VkDeviceSize{SizeClass::unit}, session.buffer_alignment, session.limits.nonCoherentAtomSize}))
    , alignment_(unit_ > largest ? 0 : std::min(unit_, VkDeviceSize{session.limits.minMemoryMapAlignment})) {}

Slabs::~Slabs() {
    if (spare_)
        discard(spare_);
}

VkDeviceSize Slabs::size_of(const Slot& slot) noexcept {
    return slot.slab->bytes;
}

Slot Slabs::take(VkDeviceSize bytes) noexcept {
    const SizeClass wanted = SizeClass::of(bytes);
    const std::lock_guard guard(mutex_);
    Slab* slab = open_[wanted.index];
    if (!slab) [[unlikely]] {
        slab = spare_ ? std::exchange(spare_, nullptr) : fresh_slab();
        if (!slab)
            return {};
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

Slab* Slabs::fresh_slab() noexcept {
    auto* slab = new (std::nothrow) Slab;
    if (!slab)
        return nullptr;
    VmaAllocationInfo info{};
    if (allocate_by_vma(session_, mapped_, chunk_bytes, unit_, slab->allocation, info) != VK_SUCCESS) {
        delete slab;
        return nullptr;
    }
    slab->mapped = static_cast<std::uint8_t*>(info.pMappedData);
    if (slab->mapped)
        poison(slab->mapped, chunk_bytes);
    slab->type = static_cast<std::uint16_t>(info.memoryType);
    slab->heap = session_.memory.memoryTypes[info.memoryType].heapIndex;
    ++counts_[slab->heap].chunks;
    counts_[slab->heap].chunk_bytes += chunk_bytes;
    return slab;
}

void Slabs::discard(Slab* slab) const noexcept {
    if (slab->mapped)
        unpoison(slab->mapped, chunk_bytes);
    vmaFreeMemory(session_.vma, slab->allocation);
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
