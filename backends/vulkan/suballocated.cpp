// "vulkan/N/host" and "vulkan/N/device-local": many small pieces of few VkDeviceMemory, by the Vulkan Memory
// Allocator. They never leave the process: a dma-buf exports a whole VkDeviceMemory, neighbours included.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "backends/vulkan/allocators.h"
#include "backends/vulkan/memory.h"
#include "backends/vulkan/transfer.h"
#include "backends/vulkan/vma.h"
#include "common/checked.h"
#include "common/fixed_text.h"

namespace hwalloc::vulkan::detail {
namespace {

// A VkBuffer that a block owns, and the handle that keeps the block.
struct NativeBuffer final : BufferBinding {
    MemoryRef keep;
};

class Piece final : public Block, public HasVulkanMemory {
public:
    Piece(Allocator& allocator, const Geometry& geometry, Session& session, VmaAllocation allocation,
          const VmaAllocationInfo& info, VkDeviceSize region, std::uint8_t* base) noexcept
        : Block(allocator, geometry, base)
        , session_(session)
        , allocation_(allocation)
        , memory_(info.deviceMemory)
        , offset_(info.offset)
        , region_(region)
        , mapped_(static_cast<std::uint8_t*>(info.pMappedData))
        , type_(info.memoryType) {}

    // Zeroes what ZERO_PREFIXED and ZERO_PADDED ask.
    Result<void> zero() noexcept {
        if (!has_any(root().flags(), MemoryFlags::zero_prefixed | MemoryFlags::zero_padded))
            return {};
        if (mapped_) {
            zero_edges(mapped_ + region_);
            const VkResult result = vmaFlushAllocation(session_.vma, allocation_, 0, VK_WHOLE_SIZE);
            if (result != VK_SUCCESS)
                return session_.refused(result, "zeroing memory", "vkFlushMappedMemoryRanges");
            return {};
        }
        // What is between the edges is undefined anyway, so all of it goes.
        if (!session_.transfer)
            return Error(ErrorKind::unsupported, "zeroing memory that only the GPU sees needs a queue")
                .on(session_.name)
                .remedy("give Device::wrap() a queue");
        auto buffer = vk_buffer();
        if (!buffer)
            return std::move(buffer).error();
        return session_.transfer->zero(*buffer);
    }

    Session& session() noexcept override { return session_; }
    VkDeviceSize region_offset() const noexcept override { return region_; }
    bool cached() const noexcept override {
        constexpr auto both = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
        return mapped_ && (session_.flags_of(type_) & both) == both;
    }
    Result<std::shared_ptr<const BufferBinding>> buffer(Memory& memory) noexcept override {
        return without_throwing([&]() -> Result<std::shared_ptr<const BufferBinding>> {
            auto made = vk_buffer();
            if (!made)
                return std::move(made).error();
            auto handle = memory.ref();
            if (!handle)
                return std::move(handle).error();
            auto binding = std::make_shared<NativeBuffer>();
            binding->buffer = *made;
            binding->memory = memory_;
            binding->memory_offset = offset_;
            binding->keep = *std::move(handle);
            return binding;
        });
    }
    Result<std::shared_ptr<const ImageBinding>> image(Memory&) noexcept override {
        return std::shared_ptr<const ImageBinding>();
    }

    // A block wants a cache line's alignment, and aligned allocation goes around the caches of malloc (glibc
    // before 2.41), which costs as much as the suballocation. So it is taken out of a little more.
    static void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
        const std::size_t unit = static_cast<std::size_t>(align);
        void* whole = std::malloc(size + unit);
        if (!whole)
            return nullptr;
        auto* at = static_cast<std::uint8_t*>(whole) + unit;
        at -= reinterpret_cast<std::uintptr_t>(at) % unit;
        std::memcpy(at - sizeof whole, &whole, sizeof whole);
        return at;
    }
    static void operator delete(void* piece, std::align_val_t) noexcept {
        void* whole;
        std::memcpy(&whole, static_cast<std::uint8_t*>(piece) - sizeof whole, sizeof whole);
        std::free(whole);
    }
    static void operator delete(void* piece, std::align_val_t align, const std::nothrow_t&) noexcept {
        operator delete(piece, align);
    }

private:
    ~Piece() override {
        if (const VkBuffer buffer = buffer_.load(std::memory_order_relaxed))
            session_.functions.DestroyBuffer(session_.device, buffer, nullptr);
        vmaFreeMemory(session_.vma, allocation_);
    }

    // The VkBuffer over the whole piece, made when it is first asked for: memory that Vulkan never sees as a
    // buffer does not pay for one.
    Result<VkBuffer> vk_buffer() noexcept {
        if (const VkBuffer known = buffer_.load(std::memory_order_acquire))
            return known;
        const VkDeviceSize bytes = region_ + root().maxsize();
        auto fresh = session_.make_buffer(bytes, false);
        if (!fresh)
            return std::move(fresh).error();
        VkMemoryRequirements needs{};
        session_.functions.GetBufferMemoryRequirements(session_.device, *fresh, &needs);
        VmaAllocationInfo held{};
        vmaGetAllocationInfo(session_.vma, allocation_, &held);
        VkResult result = VK_SUCCESS;
        if (needs.size <= held.size)
            result = vmaBindBufferMemory(session_.vma, allocation_, *fresh);
        if (needs.size > held.size || result != VK_SUCCESS) {
            session_.functions.DestroyBuffer(session_.device, *fresh, nullptr);
            if (result != VK_SUCCESS)
                return session_.refused(result, "binding a Vulkan buffer", "vkBindBufferMemory");
            return Error(ErrorKind::incompatible, "a Vulkan buffer needs more memory than there is")
                .on(session_.name)
                .wanted(needs.size)
                .held(held.size);
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
        if (!mapped_)
            return Error(ErrorKind::unsupported, "memory of the GPU alone cannot be mapped");
        const bool reads = has(info.flags, MapFlags::read), writes = has(info.flags, MapFlags::write);
        std::lock_guard guard(access_);
        VkResult result = VK_SUCCESS;
        // Invalidating throws away what another map has written and nobody flushed.
        if (reads && writers_ > 0)
            result = vmaFlushAllocation(session_.vma, allocation_, 0, VK_WHOLE_SIZE);
        if (reads && result == VK_SUCCESS)
            result = vmaInvalidateAllocation(session_.vma, allocation_, region_ + view.offset(),
                                             maxsize - view.offset());
        if (result != VK_SUCCESS)
            return session_.refused(result, "beginning CPU access", "vkInvalidateMappedMemoryRanges");
        writers_ += writes ? 1 : 0;
        return mapped_ + region_;
    }
    Result<void> mem_unmap_full(Memory& view, MapInfo& info) noexcept override {
        if (!has(info.flags, MapFlags::write))
            return {};
        std::lock_guard guard(access_);
        --writers_;
        const VkResult result = vmaFlushAllocation(session_.vma, allocation_, region_ + view.offset(),
                                                   root().maxsize() - view.offset());
        if (result != VK_SUCCESS)
            return session_.refused(result, "ending CPU access", "vkFlushMappedMemoryRanges");
        return {};
    }

    Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                               Allocator* target) noexcept override {
        constexpr std::size_t small = 64 << 10; // below that the GPU's round trip costs more than slow reads
        if (cached() || (mapped_ && (size <= small || !session_.transfer)))
            return default_copy(view, offset, size, target);
        return copy_by_gpu(*this, view, offset, size, target ? *target : allocator());
    }

    void* do_extension(std::string_view id) noexcept override {
        return id == HasVulkanMemory::extension_id ? static_cast<HasVulkanMemory*>(this) : nullptr;
    }

    Session& session_; // kept by the allocator
    VmaAllocation allocation_;
    VkDeviceMemory memory_;
    VkDeviceSize offset_;
    VkDeviceSize region_; // where the region begins in the piece
    std::uint8_t* mapped_;
    std::uint32_t type_;
    std::uint32_t writers_ = 0;
    std::mutex access_;
    std::atomic<VkBuffer> buffer_{VK_NULL_HANDLE};
};

class Suballocator final : public VulkanAllocator {
public:
    template<class... Source>
    explicit Suballocator(bool mapped, Source&&... source) noexcept
        : VulkanAllocator(std::forward<Source>(source)...), mapped_(mapped) {}

    Properties properties() noexcept override {
        auto session = source_.get();
        Properties properties{.contiguous = Answer::unknown,
                              .device_local = mapped_ ? Answer::unknown : Answer::yes,
                              .sync = SyncQuality::none,
                              .cost = mapped_ ? 105 : 106};
        if (!session)
            return properties;
        if ((*session)->max_allocation)
            properties.max_size = (*session)->max_allocation;
        const int type = mapped_ ? (*session)->mappable_type((*session)->buffer_types) : -1;
        if (type >= 0) {
            const VkMemoryPropertyFlags flags = (*session)->flags_of(static_cast<std::uint32_t>(type));
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
        auto geometry = Geometry::of(size, params, 1);
        if (!geometry) [[unlikely]]
            return std::move(geometry).error();
        // Of the CPU's address, as everywhere. A VkDeviceMemory is mapped at a multiple of
        // minMemoryMapAlignment, so a wider alignment is found inside a larger piece.
        const std::size_t unit = geometry->align + 1;
        constexpr std::size_t widest = std::size_t{2} << 20;
        if (unit > widest)
            return Error(ErrorKind::unsupported, "Vulkan memory is aligned to 2 MiB at most")
                .on(session.name);
        const std::size_t slack = mapped_ && unit > session.limits.minMemoryMapAlignment ? unit : 0;
        std::uint64_t bytes;
        if (!checked_add(std::uint64_t{geometry->storage}, std::uint64_t{slack}, bytes))
            return Error(ErrorKind::limit, "the size does not fit");
        if (auto fits = check_size(session, bytes); !fits)
            return std::move(fits).error();
        if (session.rounds_buffers)
            bytes =
                (bytes + session.buffer_alignment - 1) / session.buffer_alignment * session.buffer_alignment;

        const VkMemoryRequirements needs{.size = bytes,
                                         .alignment = std::max<VkDeviceSize>(session.buffer_alignment, unit),
                                         .memoryTypeBits = session.buffer_types};
        VmaAllocationCreateInfo info{};
        info.flags = VMA_ALLOCATION_CREATE_STRATEGY_MIN_TIME_BIT;
        if (mapped_) {
            info.flags |= VMA_ALLOCATION_CREATE_MAPPED_BIT;
            info.requiredFlags = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
            info.preferredFlags = VK_MEMORY_PROPERTY_HOST_CACHED_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
        } else {
            info.requiredFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
            geometry->flags |= MemoryFlags::not_mappable;
        }
        VmaAllocation allocation = nullptr;
        VmaAllocationInfo got{};
        if (const VkResult result = vmaAllocateMemory(session.vma, &needs, &info, &allocation, &got);
            result != VK_SUCCESS) [[unlikely]]
            return session.no_memory(result, "allocating memory of the GPU", "vkAllocateMemory", bytes)
                .doing(FixedText("allocating ", bytes, " bytes"));

        auto* first = static_cast<std::uint8_t*>(got.pMappedData);
        VkDeviceSize region = 0;
        if (slack) {
            const auto address = reinterpret_cast<std::uintptr_t>(first);
            region = ((address + unit - 1) & ~std::uintptr_t{unit - 1}) - address;
        }
        const bool coherent = session.flags_of(got.memoryType) & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
        std::uint8_t* base = mapped_ && coherent ? first + region : nullptr;
        if (!mapped_)
            got.pMappedData = nullptr;
        auto* piece = new (std::nothrow) Piece(*this, *geometry, session, allocation, got, region, base);
        if (!piece) {
            vmaFreeMemory(session.vma, allocation);
            return Error(ErrorKind::exhausted, "no memory for a block");
        }
        if (auto zeroed = piece->zero(); !zeroed) [[unlikely]] {
            destroy(piece);
            return std::move(zeroed).error();
        }
        return piece;
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
