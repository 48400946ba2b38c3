// "vulkan/N/host" and "vulkan/N/device-local": many small pieces of few VkDeviceMemory, by the Vulkan Memory
// Allocator, the smallest out of slabs. They never leave the process: a dma-buf exports a whole
// VkDeviceMemory, neighbours included.
#include <algorithm>
#include <atomic>
#include <new>

#include "allocators/geometry.h"
#include "backends/vulkan/allocators.h"
#include "backends/vulkan/copy.h"
#include "backends/vulkan/host_access.h"
#include "backends/vulkan/vma_memory.h"
#include "common/addressable.h"
#include "common/cache_line_new.h"
#include "common/checked.h"
#include "common/fixed_text.h"

namespace hwalloc::vulkan::detail {
namespace {

// vkCmdFillBuffer zeroes whole words, so every piece and its VkBuffer is made of them.
constexpr VkDeviceSize whole_words(VkDeviceSize bytes) noexcept {
    return (bytes + 3) / 4 * 4;
}

// A VkBuffer that a block owns, and the handle that keeps the block.
struct NativeBuffer final : BufferBinding {
    MemoryRef keep;
};

void release(Session& session, const Slot& slot) noexcept {
    if (slot.slab)
        session.slabs[slot.mapped != nullptr]->give_back(slot);
    else if (session.of_this_process())
        vmaFreeMemory(session.vma, slot.allocation);
}

class Piece final : public Block, public HasVulkanMemory, public CacheLineNew {
public:
    Piece(Allocator& allocator, const Geometry& geometry, Session& session, const Slot& slot,
          VkDeviceSize region, std::uint8_t* base) noexcept
        : Block(allocator, geometry, base), session_(session), slot_(slot), region_(region) {}

    // Zeroes what ZERO_PREFIXED and ZERO_PADDED ask.
    Result<void> zero() noexcept {
        if (!has_any(root().flags(), MemoryFlags::zero_prefixed | MemoryFlags::zero_padded))
            return {};
        if (slot_.mapped) {
            zero_edges(slot_.mapped + region_);
            const VkResult result = flush_all();
            if (result != VK_SUCCESS)
                return session_.refused(result, "zeroing memory", "vkFlushMappedMemoryRanges");
            return {};
        }
        // What is between the edges is undefined anyway, so all of it is zeroed.
        if (!session_.transfer)
            return Error(ErrorKind::unsupported, "zeroing memory that only the GPU sees needs a queue")
                .on(session_.name)
                .remedy("give Device::wrap() a queue");
        auto made = vk_buffer();
        if (!made)
            return std::move(made).error();
        BufferBinding buffer;
        buffer.buffer = *made;
        buffer.size = vk_buffer_size();
        return session_.transfer->zero(buffer);
    }

    Session& session() noexcept override { return session_; }
    VkDeviceSize region_offset() const noexcept override { return region_; }
    bool cached() const noexcept override {
        constexpr auto both = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
        return slot_.mapped && (session_.flags_of(slot_.type) & both) == both;
    }
    Result<std::shared_ptr<const BufferBinding>> buffer(Memory& memory) noexcept override {
        return without_exceptions([&]() -> Result<std::shared_ptr<const BufferBinding>> {
            auto made = vk_buffer();
            if (!made)
                return std::move(made).error();
            auto handle = memory.ref();
            if (!handle)
                return std::move(handle).error();
            VmaAllocationInfo held{};
            vmaGetAllocationInfo(session_.vma, slot_.allocation, &held);
            auto binding = std::make_shared<NativeBuffer>();
            binding->buffer = *made;
            binding->memory = held.deviceMemory;
            binding->memory_offset = held.offset + slot_.within;
            binding->size = vk_buffer_size();
            binding->keep = *std::move(handle);
            return binding;
        });
    }
    Result<std::shared_ptr<const ImageBinding>> image(Memory&) noexcept override {
        return std::shared_ptr<const ImageBinding>();
    }

private:
    ~Piece() override {
        if (VkBuffer buffer = buffer_.load(std::memory_order_relaxed); buffer && session_.of_this_process())
            session_.functions.DestroyBuffer(session_.device, buffer, nullptr);
        release(session_, slot_);
    }

    VkDeviceSize held() const noexcept {
        if (slot_.slab)
            return Slabs::size_of(slot_);
        VmaAllocationInfo info{};
        vmaGetAllocationInfo(session_.vma, slot_.allocation, &info);
        return info.size;
    }
    VkResult flush_all() noexcept {
        return vmaFlushAllocation(session_.vma, slot_.allocation, slot_.within, held());
    }

    VkDeviceSize vk_buffer_size() const noexcept { return whole_words(region_ + root().maxsize()); }
    // The VkBuffer over the whole piece, made when it is first asked for: memory that Vulkan never sees as a
    // buffer does not pay for one.
    Result<VkBuffer> vk_buffer() noexcept {
        if (VkBuffer known = buffer_.load(std::memory_order_acquire))
            return known;
        auto fresh = session_.create_buffer(vk_buffer_size(), false);
        if (!fresh)
            return std::move(fresh).error();
        VkMemoryRequirements needs{};
        session_.functions.GetBufferMemoryRequirements(session_.device, *fresh, &needs);
        VkResult result = VK_SUCCESS;
        if (needs.size <= held())
            result = vmaBindBufferMemory2(session_.vma, slot_.allocation, slot_.within, *fresh, nullptr);
        if (needs.size > held() || result != VK_SUCCESS) {
            session_.functions.DestroyBuffer(session_.device, *fresh, nullptr);
            if (result != VK_SUCCESS)
                return session_.refused(result, "binding a Vulkan buffer", "vkBindBufferMemory");
            return Error(ErrorKind::incompatible, "a Vulkan buffer needs more memory than there is")
                .on(session_.name)
                .wanted(needs.size)
                .held(held());
        }
        VkBuffer nobody = VK_NULL_HANDLE;
        if (buffer_.compare_exchange_strong(nobody, *fresh, std::memory_order_acq_rel))
            return *fresh;
        session_.functions.DestroyBuffer(session_.device, *fresh, nullptr);
        return nobody;
    }

    // Only for memory that is not coherent; the rest has a base and is mapped for good. The range goes to the
    // end of the region, because a map may be used up to maxsize; VMA widens it to whole atoms
    // (nonCoherentAtomSize), which no other piece shares.
    Result<std::uint8_t*> mem_map_full(Memory& view, MapInfo& info, std::size_t maxsize) noexcept override {
        if (!slot_.mapped)
            return Error(ErrorKind::unsupported, "memory of the GPU alone cannot be mapped");
        auto begun = access_.begin(
            session_, info.flags, [&] { return flush_all(); },
            [&] {
                return vmaInvalidateAllocation(session_.vma, slot_.allocation,
                                               slot_.within + region_ + view.offset(),
                                               maxsize - view.offset());
            });
        if (!begun)
            return std::move(begun).error();
        return slot_.mapped + region_;
    }
    Result<void> mem_unmap_full(Memory& view, MapInfo& info) noexcept override {
        return access_.end(session_, info.flags, [&] {
            return vmaFlushAllocation(session_.vma, slot_.allocation, slot_.within + region_ + view.offset(),
                                      root().maxsize() - view.offset());
        });
    }

    Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                               Allocator* target) noexcept override {
        constexpr std::size_t small = 64 << 10; // below that the GPU's round trip costs more than slow reads
        if (cached() || (slot_.mapped && (size <= small || !session_.transfer)))
            return default_copy(view, offset, size, target);
        return copy_by_gpu(*this, view, offset, size, target ? *target : allocator());
    }

    void* do_extension(std::string_view id) noexcept override {
        return id == HasVulkanMemory::extension_id ? static_cast<HasVulkanMemory*>(this) : nullptr;
    }

    Session& session_; // kept by the allocator
    Slot slot_;
    VkDeviceSize region_; // where the region begins in the slot
    HostAccess access_;
    std::atomic<VkBuffer> buffer_{VK_NULL_HANDLE};
};

class Suballocator final : public VulkanAllocator {
public:
    template<class... Source>
    explicit Suballocator(bool mapped, Source&&... source) noexcept
        : VulkanAllocator(std::forward<Source>(source)...), mapped_(mapped) {}

    Properties properties() noexcept override {
        Session* const session = source_.opened();
        Properties properties{.contiguous = Answer::unknown,
                              .device_local = mapped_ ? Answer::unknown : Answer::yes,
                              .sync = SyncQuality::none,
                              .cost = mapped_ ? 105 : 106};
        if (!session)
            return properties;
        if (session->max_allocation)
            properties.max_size = at_most_addressable(session->max_allocation);
        if (const auto type = mapped_ ? type_by_vma(*session, true) : std::nullopt) {
            const VkMemoryPropertyFlags flags = session->flags_of(*type);
            properties.cached = flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT ? Answer::yes : Answer::no;
            properties.device_local = flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT ? Answer::yes : Answer::no;
        }
        return properties;
    }
    Claims claims() noexcept override { return {.alloc = true, .map = mapped_}; }

private:
    Result<void> usable(const Session&) const noexcept override { return {}; }

    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        auto opened = source_.get();
        if (!opened) [[unlikely]]
            return std::move(opened).error();
        Session& session = **opened;
        Geometry geometry;
        if (!lay_out(geometry, size, params, 1)) [[unlikely]]
            return Error(ErrorKind::limit, "the size does not fit");
        if (!mapped_)
            geometry.flags |= MemoryFlags::not_mappable;
        const std::size_t unit = geometry.align + 1;
        Slabs& slabs = *session.slabs[mapped_];
        Slot slot;
        // Pieces of slabs are multiples of what a VkBuffer is aligned to, which is all that most drivers
        // round up to.
        VkDeviceSize bytes = geometry.storage;
        if (session.pads_buffers) [[unlikely]] {
            auto needs = session.buffer_needs(whole_words(bytes), false);
            if (!needs)
                return std::move(needs).error();
            bytes = *needs;
        }
        if (slabs.suits(bytes, unit))
            slot = slabs.take(bytes);
        VkDeviceSize region = 0;
        if (!slot.allocation)
            if (auto large = allocate(session, geometry.storage, unit, slot, region); !large) [[unlikely]]
                return std::move(large).error();

        const bool coherent = session.flags_of(slot.type) & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
        std::uint8_t* base = slot.mapped && coherent ? slot.mapped + region : nullptr;
        auto* piece = new (std::nothrow) Piece(*this, geometry, session, slot, region, base);
        if (!piece) {
            release(session, slot);
            return Error(ErrorKind::exhausted, "no memory for a block");
        }
        if (auto zeroed = piece->zero(); !zeroed) [[unlikely]] {
            destroy(piece);
            return std::move(zeroed).error();
        }
        return piece;
    }

    // A piece by VMA alone. `region`: where a multiple of `unit` is in it.
    Result<void> allocate(Session& session, std::uint64_t bytes, std::size_t unit, Slot& slot,
                          VkDeviceSize& region) const noexcept {
        // Of the CPU's address, as everywhere. A VkDeviceMemory is mapped at a multiple of
        // minMemoryMapAlignment, so a wider alignment is found inside a larger piece.
        constexpr std::size_t widest = std::size_t{2} << 20;
        if (unit > widest)
            return Error(ErrorKind::unsupported, "Vulkan memory is aligned to 2 MiB at most")
                .on(session.name);
        const std::size_t slack = mapped_ && unit > session.limits.minMemoryMapAlignment ? unit : 0;
        if (!checked_add(bytes, std::uint64_t{slack}, bytes))
            return Error(ErrorKind::limit, "the size does not fit");
        if (auto fits = check_size(session, bytes); !fits)
            return std::move(fits).error();
        if (bytes > UINT64_MAX - 4)
            return Error(ErrorKind::limit, "the size does not fit");
        auto needs = session.buffer_needs(whole_words(bytes), false);
        if (!needs)
            return std::move(needs).error();
        bytes = *needs;
        VmaAllocationInfo got{};
        if (const VkResult result = allocate_by_vma(session, mapped_, bytes, unit, slot.allocation, got);
            result != VK_SUCCESS) [[unlikely]]
            return session.no_memory(result, "allocating memory of the GPU", "vkAllocateMemory", bytes)
                .doing(FixedText("allocating ", bytes, " bytes"));
        slot.mapped = static_cast<std::uint8_t*>(got.pMappedData);
        slot.type = static_cast<std::uint16_t>(got.memoryType);
        if (slack) {
            const auto address = reinterpret_cast<std::uintptr_t>(slot.mapped);
            region = ((address + unit - 1) & ~std::uintptr_t{unit - 1}) - address;
        }
        return {};
    }

    bool mapped_;
};

} // namespace

AllocatorRef new_suballocator(std::shared_ptr<Session> session, bool mapped) {
    return AllocatorRef::adopt(new Suballocator(mapped, std::move(session)));
}
AllocatorRef new_suballocator(Instance& instance, const PhysicalDevice& device, bool mapped) {
    return AllocatorRef::adopt(new Suballocator(mapped, instance, device));
}

} // namespace hwalloc::vulkan::detail
