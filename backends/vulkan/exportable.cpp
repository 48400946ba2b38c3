// "vulkan/N": each allocation a VkDeviceMemory of its own, exported as dma-buf (Vulkan,
// VkExportMemoryAllocateInfo). An fd exports the whole VkDeviceMemory, so nothing is suballocated here.
#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>

#include "backends/vulkan/allocators.h"
#include "backends/vulkan/device_memory.h"
#include "backends/vulkan/images.h"
#include "backends/vulkan/imports.h"
#include "backends/vulkan/memory.h"
#include "backends/vulkan/transfer.h"
#include "common/fixed_text.h"
#include "common/kernel.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc::vulkan::detail {
namespace {

constexpr auto dma_buf_type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

// The VkDeviceMemory of an export, with what it is bound to, while it is made and afterwards.
struct Export {
    DeviceMemory memory;
    OwnedBuffer buffer; // one of the two
    OwnedImage image;
    VkFormat format = VK_FORMAT_UNDEFINED;
    ImageLayout layout{};
    std::uint32_t type = 0;
    std::uint8_t* mapped = nullptr; // for its life; null: the CPU does not see it
    DmaBufRef dma_buf;
};

template<class Binding>
struct Kept final : Binding {
    MemoryRef keep;
};

class ExportedBlock final : public Block, public HasFd, public HasDmaBuf, public HasVulkanMemory {
public:
    ExportedBlock(Allocator& allocator, const Geometry& geometry, Session& session, Export made) noexcept
        : Block(allocator, geometry), session_(session), made_(std::move(made)) {}

    BorrowedFd block_fd(FdKind kind) noexcept override {
        const bool has_it = kind == FdKind::dmabuf;
        return {.kind = kind,
                .fd = has_it ? made_.dma_buf->fd() : -1,
                .offset = 0,
                .size = root().size(),
                .writable = made_.dma_buf->writable()};
    }
    const DmaBufRef& dma_buf() noexcept override { return made_.dma_buf; }

    Session& session() noexcept override { return session_; }
    VkDeviceSize region_offset() const noexcept override { return 0; }
    bool cached() const noexcept override {
        return made_.mapped && session_.flags_of(made_.type) & VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    }
    Result<std::shared_ptr<const BufferBinding>> buffer(Memory& memory) noexcept override {
        return without_throwing([&]() -> Result<std::shared_ptr<const BufferBinding>> {
            if (!made_.buffer.get())
                return std::shared_ptr<const BufferBinding>();
            auto handle = memory.ref();
            if (!handle)
                return std::move(handle).error();
            auto binding = std::make_shared<Kept<BufferBinding>>();
            binding->buffer = made_.buffer.get();
            binding->memory = made_.memory.get();
            binding->foreign = true; // a dma-buf: whoever has its descriptor may write
            binding->keep = *std::move(handle);
            return binding;
        });
    }
    Result<std::shared_ptr<const ImageBinding>> image(Memory& memory) noexcept override {
        return without_throwing([&]() -> Result<std::shared_ptr<const ImageBinding>> {
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
            binding->usage = image_usage;
            binding->keep = *std::move(handle);
            return binding;
        });
    }

    // Of every image that is allocated here.
    static constexpr VkImageUsageFlags image_usage =
        VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;

private:
    ~ExportedBlock() override = default;

    bool coherent() const noexcept {
        return session_.flags_of(made_.type) & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    }
    // The whole mapping, in which every range is one of whole atoms (Vulkan, VkMappedMemoryRange: to the end
    // of the memory a size need not be a multiple of nonCoherentAtomSize), from the atom in which the window
    // begins.
    VkMappedMemoryRange range_from(std::size_t offset) const noexcept {
        const VkDeviceSize atom = std::max<VkDeviceSize>(session_.limits.nonCoherentAtomSize, 1);
        return {.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
                .memory = made_.memory.get(),
                .offset = offset / atom * atom,
                .size = VK_WHOLE_SIZE};
    }
    VkResult flush(std::size_t offset) const noexcept {
        const VkMappedMemoryRange range = range_from(offset);
        return session_.functions.FlushMappedMemoryRanges(session_.device, 1, &range);
    }
    VkResult invalidate(std::size_t offset) const noexcept {
        const VkMappedMemoryRange range = range_from(offset);
        return session_.functions.InvalidateMappedMemoryRanges(session_.device, 1, &range);
    }

    // Two things, because two sides may have the memory: the dma-buf's bracket is for every device that
    // imported it, and flushing and invalidating are for this VkDevice where its memory is not coherent.
    Result<std::uint8_t*> mem_map_full(Memory& view, MapInfo& info, std::size_t) noexcept override {
        if (!made_.mapped)
            return made_.dma_buf->begin_cpu_access(info.flags);
        if (auto begun = made_.dma_buf->begin_mapped_access(info.flags); !begun)
            return std::move(begun).error();
        if (coherent())
            return made_.mapped;
        const bool reads = has(info.flags, MapFlags::read), writes = has(info.flags, MapFlags::write);
        std::lock_guard guard(access_);
        VkResult result = VK_SUCCESS;
        const char* call = "vkFlushMappedMemoryRanges";
        // Invalidating throws away what another map has written and nobody flushed.
        if (reads && writers_ > 0)
            result = flush(0);
        if (reads && result == VK_SUCCESS) {
            call = "vkInvalidateMappedMemoryRanges";
            result = invalidate(view.offset());
        }
        if (result != VK_SUCCESS) {
            (void)made_.dma_buf->end_cpu_access(info.flags);
            return session_.refused(result, "beginning CPU access", call);
        }
        writers_ += writes ? 1 : 0;
        return made_.mapped;
    }
    Result<void> mem_unmap_full(Memory& view, MapInfo& info) noexcept override {
        VkResult flushed = VK_SUCCESS;
        if (made_.mapped && !coherent() && has(info.flags, MapFlags::write)) {
            std::lock_guard guard(access_);
            --writers_;
            flushed = flush(view.offset());
        }
        auto ended = made_.dma_buf->end_cpu_access(info.flags);
        if (flushed != VK_SUCCESS)
            return session_.refused(flushed, "ending CPU access", "vkFlushMappedMemoryRanges");
        return ended;
    }

    Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                               Allocator* target) noexcept override {
        constexpr std::size_t small = 64 << 10; // below that the GPU's round trip costs more than slow reads
        if (cached() || !session_.transfer || (made_.mapped && size <= small))
            return default_copy(view, offset, size, target);
        return copy_by_gpu(*this, view, offset, size, target ? *target : allocator());
    }

    void* do_extension(std::string_view id) noexcept override {
        if (id == HasFd::extension_id)
            return static_cast<HasFd*>(this);
        if (id == HasDmaBuf::extension_id)
            return static_cast<HasDmaBuf*>(this);
        if (id == HasVulkanMemory::extension_id)
            return static_cast<HasVulkanMemory*>(this);
        return nullptr;
    }

    Session& session_; // kept by the allocator
    Export made_;
    std::mutex access_;
    std::uint32_t writers_ = 0;
};

// A dma-buf from elsewhere that this device has imported.
class ImportedBlock final : public DmaBufBlock, public HasVulkanMemory {
public:
    ImportedBlock(Allocator& allocator, const Geometry& geometry, Session& session, DmaBufRef dma_buf,
                  std::shared_ptr<const BufferBinding> import) noexcept
        : DmaBufBlock(allocator, geometry, std::move(dma_buf))
        , session_(session)
        , import_(std::move(import)) {}

    Session& session() noexcept override { return session_; }
    VkDeviceSize region_offset() const noexcept override { return 0; }
    bool cached() const noexcept override { return true; } // nobody tells; reading is what the CPU then does
    Result<std::shared_ptr<const BufferBinding>> buffer(Memory&) noexcept override { return import_; }
    Result<std::shared_ptr<const ImageBinding>> image(Memory&) noexcept override {
        return std::shared_ptr<const ImageBinding>();
    }

private:
    void* do_extension(std::string_view id) noexcept override {
        return id == HasVulkanMemory::extension_id ? static_cast<HasVulkanMemory*>(this)
                                                   : DmaBufBlock::do_extension(id);
    }

    Session& session_; // kept by the allocator
    std::shared_ptr<const BufferBinding> import_;
};

class Exporter final : public VulkanAllocator, public AllocatesImages, public ImportsDmaBuf {
public:
    template<class... Source>
    explicit Exporter(Source&&... source) noexcept : VulkanAllocator(std::forward<Source>(source)...) {}

    Properties properties() noexcept override {
        Properties properties{.granule = page_size(), .cost = 10};
        auto session = source_.get();
        if (!session)
            return properties;
        if ((*session)->max_allocation)
            properties.max_size = (*session)->max_allocation;
        if (const int type = (*session)->mappable_type((*session)->buffer_types); type >= 0) {
            const VkMemoryPropertyFlags flags = (*session)->flags_of(static_cast<std::uint32_t>(type));
            properties.cached = flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT ? Answer::yes : Answer::no;
            properties.device_local = flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT ? Answer::yes : Answer::no;
        }
        return properties;
    }
    Claims claims() noexcept override {
        return {.alloc = true, .map = true, .export_dmabuf = true, .import_dmabuf = true, .image = true};
    }

    Result<Image> alloc_image(const ImageRequest& request) noexcept override;
    Result<MemoryRef> import_dmabuf(int fd, std::size_t offset, std::size_t size,
                                    MemoryFlags flags) noexcept override;

private:
    Result<void> usable(const Session& session) const noexcept override {
        if (session.external.exportable)
            return {};
        return Error(ErrorKind::unsupported, "exporting Vulkan memory as dma-buf")
            .on(session.name)
            .remedy(session.has_dma_buf ? "the driver exports no dma-buf here (Mesa's lavapipe does when "
                                          "/dev/udmabuf can be opened for "
                                          "reading and writing); `vulkan/N/host` works without"
                                        : "the driver lacks VK_EXT_external_memory_dma_buf or "
                                          "VK_KHR_external_memory_fd (Mesa's lavapipe has "
                                          "them since 24.1); `vulkan/N/host` works without");
    }

    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override;
    // Memory for what `made` has, bound, mapped and exported. `bits`: memory types that will do.
    Result<void> complete(Session& session, Export& made, const VkMemoryRequirements& needs) noexcept;
    Result<void> zero(Session& session, Export& made) noexcept;
    Result<Session*> exporting() noexcept {
        auto session = source_.get();
        if (!session)
            return session;
        if (auto able = usable(**session); !able)
            return std::move(able).error();
        return session;
    }

    void* do_extension(std::string_view id) noexcept override {
        if (id == AllocatesImages::extension_id)
            return static_cast<AllocatesImages*>(this);
        if (id == ImportsDmaBuf::extension_id)
            return static_cast<ImportsDmaBuf*>(this);
        return VulkanAllocator::do_extension(id);
    }
};

Result<void> Exporter::complete(Session& session, Export& made, const VkMemoryRequirements& needs) noexcept {
    if (auto fits = check_size(session, needs.size); !fits)
        return fits;
    const int type = session.mappable_type(needs.memoryTypeBits);
    if (type < 0)
        return Error(ErrorKind::unsupported, "the driver has no memory type for exported memory")
            .on(session.name);
    made.type = static_cast<std::uint32_t>(type);
    const VkExportMemoryAllocateInfo shared{.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
                                            .handleTypes = dma_buf_type};
    const VkMemoryDedicatedAllocateInfo alone{.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                              .pNext = &shared,
                                              .image = made.image.get(),
                                              .buffer = made.buffer.get()};
    const VkMemoryAllocateInfo info{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                    .pNext = &alone,
                                    .allocationSize = needs.size,
                                    .memoryTypeIndex = made.type};
    VkDeviceMemory memory = VK_NULL_HANDLE;
    if (const VkResult result = session.functions.AllocateMemory(session.device, &info, nullptr, &memory);
        result != VK_SUCCESS)
        return session.no_memory(result, "allocating exported memory", "vkAllocateMemory(export)",
                                 needs.size);
    made.memory = DeviceMemory(session, memory, needs.size,
                               session.exported[session.memory.memoryTypes[made.type].heapIndex]);
    const VkResult bound =
        made.buffer.get() ? session.functions.BindBufferMemory(session.device, made.buffer.get(), memory, 0)
                          : session.functions.BindImageMemory(session.device, made.image.get(), memory, 0);
    if (bound != VK_SUCCESS)
        return session.refused(bound, "binding exported memory", "vkBindBufferMemory, vkBindImageMemory");
    if (session.flags_of(made.type) & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
        void* mapped = nullptr;
        if (const VkResult result =
                session.functions.MapMemory(session.device, memory, 0, VK_WHOLE_SIZE, 0, &mapped);
            result != VK_SUCCESS)
            return session.refused(result, "mapping exported memory", "vkMapMemory");
        made.mapped = static_cast<std::uint8_t*>(mapped);
    }
    const VkMemoryGetFdInfoKHR question{
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR, .memory = memory, .handleType = dma_buf_type};
    int number = -1;
    if (const VkResult result = session.functions.GetMemoryFdKHR(session.device, &question, &number);
        result != VK_SUCCESS)
        return session.refused(result, "exporting memory as dma-buf", "vkGetMemoryFdKHR");
    const UniqueFd fd(number);
    // Some drivers export for reading alone, and the size may be larger: so it is examined like a stranger's.
    auto dma_buf = DmaBuf::import(fd.get());
    if (!dma_buf)
        return std::move(dma_buf).error().on(session.name);
    if ((*dma_buf)->size() < needs.size)
        return Error(ErrorKind::incompatible, "the driver exported a dma-buf that is smaller than its memory")
            .on(session.name)
            .wanted(needs.size)
            .held((*dma_buf)->size());
    made.dma_buf = *std::move(dma_buf);
    return zero(session, made);
}

// Vulkan promises nothing about fresh memory, and this may leave the process.
Result<void> Exporter::zero(Session& session, Export& made) noexcept {
    if (made.mapped) {
        std::memset(made.mapped, 0, made.memory.size());
        if (session.flags_of(made.type) & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
            return {};
        const VkMappedMemoryRange all{.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
                                      .memory = made.memory.get(),
                                      .offset = 0,
                                      .size = VK_WHOLE_SIZE};
        if (const VkResult result = session.functions.FlushMappedMemoryRanges(session.device, 1, &all);
            result != VK_SUCCESS)
            return session.refused(result, "zeroing memory", "vkFlushMappedMemoryRanges");
        return {};
    }
    if (!session.transfer || !made.buffer.get())
        return Error(ErrorKind::unsupported, "zeroing memory that the CPU does not see")
            .on(session.name)
            .remedy("memory that is shared must not show old bytes, and only a buffer of a device with a "
                    "queue can be "
                    "zeroed by the GPU");
    return session.transfer->zero(made.buffer.get());
}

Result<Block*> Exporter::do_alloc(std::size_t size, const AllocationParams& params) noexcept {
    auto opened = exporting();
    if (!opened)
        return std::move(opened).error();
    Session& session = **opened;
    const std::size_t page = page_size();
    if (params.align >= page)
        return Error(ErrorKind::unsupported, "exported memory begins on a page and is aligned to no more")
            .on(session.name);
    auto geometry = Geometry::of(size, params, page);
    if (!geometry)
        return std::move(geometry).error();
    // The dma-buf is all of the VkDeviceMemory. So the VkBuffer is, too, where the driver rounds sizes up,
    // and what zeroes the VkBuffer zeroes all that leaves the process.
    std::size_t bytes = geometry->storage;
    const VkDeviceSize unit = std::max<VkDeviceSize>(session.buffer_alignment, page);
    if (session.rounds_buffers && __builtin_add_overflow(bytes, unit - 1, &bytes))
        return Error(ErrorKind::limit, "the size does not fit");
    if (session.rounds_buffers)
        bytes = bytes / unit * unit;
    const auto failed = [&](Error error) {
        return std::move(error).doing(FixedText("allocating ", bytes, " bytes")).on(session.name);
    };
    if (auto fits = check_size(session, bytes); !fits)
        return std::move(fits).error();
    Export made;
    auto buffer = session.make_buffer(bytes, true);
    if (!buffer)
        return failed(std::move(buffer).error());
    made.buffer = OwnedBuffer(session, *buffer);
    VkMemoryRequirements needs{};
    session.functions.GetBufferMemoryRequirements(session.device, *buffer, &needs);
    if (auto done = complete(session, made, needs); !done)
        return failed(std::move(done).error());
    if (!made.mapped && !made.dma_buf->readable())
        geometry->flags |= MemoryFlags::not_mappable;
    made.dma_buf->set_name(FixedText("hwalloc:", size));
    auto* block = new (std::nothrow) ExportedBlock(*this, *geometry, session, std::move(made));
    if (!block)
        return Error(ErrorKind::exhausted, "no memory for a block");
    return block;
}

Result<Image> Exporter::alloc_image(const ImageRequest& request) noexcept {
    return without_throwing([&]() -> Result<Image> {
        auto opened = exporting();
        if (!opened)
            return std::move(opened).error();
        Session& session = **opened;
        if (request.width == 0 || request.height == 0)
            return Error(ErrorKind::invalid, "an image has at least one pixel");
        constexpr VkImageUsageFlags usage = ExportedBlock::image_usage;
        auto support = modifiers_for(session, request.fourcc, request.width, request.height, usage);
        if (!support)
            return std::move(support).error();
        const auto wanted = [&](std::uint64_t modifier) {
            constexpr std::uint64_t linear = 0;
            return request.modifiers.empty() ? modifier == linear
                                             : std::find(request.modifiers.begin(), request.modifiers.end(),
                                                         modifier) != request.modifiers.end();
        };
        std::vector<std::uint64_t> possible;
        for (const ModifierSupport& one : *support)
            if (one.exportable && wanted(one.modifier))
                possible.push_back(one.modifier);
        if (possible.empty())
            return Error(ErrorKind::unsupported, "allocating an image")
                .on(session.name)
                .remedy("the driver exports no image of this format with any of the modifiers asked for");
        auto image = make_image(session, request, possible, usage);
        if (!image)
            return std::move(image).error();
        Export made;
        made.image = OwnedImage(session, image->image);
        made.format = image->format;
        VkMemoryRequirements needs{};
        session.functions.GetImageMemoryRequirements(session.device, image->image, &needs);
        if (auto done = complete(session, made, needs); !done)
            return std::move(done).error().doing(
                FixedText("allocating an image of ", request.width, "x", request.height));
        auto layout = layout_of(session, image->image, request, *support, needs.size);
        if (!layout)
            return std::move(layout).error();
        made.layout = *layout;
        auto geometry = Geometry::window(needs.size, 0, needs.size, MemoryFlags::none);
        if (!geometry)
            return std::move(geometry).error();
        geometry->align = page_size() - 1;
        if (!made.mapped && !made.dma_buf->readable())
            geometry->flags |= MemoryFlags::not_mappable;
        made.dma_buf->set_name(FixedText("hwalloc:", request.width, "x", request.height));
        auto* block = new (std::nothrow) ExportedBlock(*this, *geometry, session, std::move(made));
        if (!block)
            return Error(ErrorKind::exhausted, "no memory for a block");
        return Image{MemoryRef::adopt(&block->root()), *layout};
    });
}

Result<MemoryRef> Exporter::import_dmabuf(int fd, std::size_t offset, std::size_t size,
                                          MemoryFlags flags) noexcept {
    if (!known_flags(flags))
        return Error(ErrorKind::invalid, "unknown memory flags");
    auto opened = source_.get();
    if (!opened)
        return std::move(opened).error();
    Session& session = **opened;
    auto dma_buf = DmaBuf::import(fd);
    if (!dma_buf)
        return std::move(dma_buf).error();
    const std::size_t real = (*dma_buf)->size();
    if (size == whole)
        size = offset <= real ? real - offset : 0;
    auto geometry = Geometry::window(real, offset, size, flags);
    if (!geometry)
        return Error(ErrorKind::invalid, "the window lies outside the dma-buf").wanted(size).held(real);
    if (!(*dma_buf)->writable())
        geometry->flags |= MemoryFlags::readonly;
    if (!(*dma_buf)->readable())
        geometry->flags |= MemoryFlags::not_mappable;
    auto import = session.imports->buffer(*dma_buf);
    if (!import)
        return std::move(import).error();
    auto* block =
        new (std::nothrow) ImportedBlock(*this, *geometry, session, *std::move(dma_buf), *std::move(import));
    if (!block)
        return Error(ErrorKind::exhausted, "no memory for a block");
    return MemoryRef::adopt(&block->root());
}

} // namespace

AllocatorRef new_exporter(std::shared_ptr<Session> session) {
    return AllocatorRef::adopt(new Exporter(std::move(session)));
}
AllocatorRef new_exporter(Instance& instance, const PhysicalDevice& device) {
    return AllocatorRef::adopt(new Exporter(instance, device));
}

} // namespace hwalloc::vulkan::detail
