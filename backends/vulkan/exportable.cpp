// "vulkan/N": each allocation a VkDeviceMemory of its own, exported as dma-buf (Vulkan,
// VkExportMemoryAllocateInfo). An fd exports the whole VkDeviceMemory, so nothing is suballocated here.
#include <algorithm>
#include <new>

#include "allocators/interface_of.h"
#include "allocators/modifiers.h"
#include "backends/vulkan/allocators.h"
#include "backends/vulkan/exported_block.h"
#include "backends/vulkan/images.h"
#include "common/addressable.h"
#include "common/fixed_text.h"
#include "common/kernel.h"

namespace hwalloc::vulkan::detail {
namespace {

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
    bool cached() const noexcept override { return true; } // nothing tells: the CPU reads it as if it were
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

class Exporter final : public VulkanAllocator,
                       public AllocatesImages,
                       public ImportsDmaBuf,
                       public OffersParticipant {
public:
    template<class... Source>
    explicit Exporter(Source&&... source) noexcept : VulkanAllocator(std::forward<Source>(source)...) {}

    Properties properties() noexcept override {
        Properties properties{.granule = page_size(), .cost = 10};
        const Session* session = source_.opened();
        if (!session)
            return properties;
        if (session->max_allocation)
            properties.max_size = at_most_addressable(session->max_allocation);
        if (const int type = session->mappable_type(session->buffer_types); type >= 0) {
            const VkMemoryPropertyFlags flags = session->flags_of(static_cast<std::uint32_t>(type));
            properties.cached = flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT ? Answer::yes : Answer::no;
            properties.device_local = flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT ? Answer::yes : Answer::no;
        }
        return properties;
    }
    Claims claims() noexcept override {
        return {.alloc = true, .map = true, .export_dmabuf = true, .import_dmabuf = true, .image = true};
    }

    Result<ParticipantRef> participant() noexcept override {
        auto device = Device::of(*this);
        if (!device)
            return std::move(device).error();
        return vulkan::participant(*device);
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
    Result<Session*> exporting() noexcept {
        auto session = source_.get();
        if (!session)
            return session;
        if (auto able = usable(**session); !able)
            return std::move(able).error();
        return session;
    }

    void* do_extension(std::string_view id) noexcept override {
        void* own = interface_of<AllocatesImages, ImportsDmaBuf, OffersParticipant>(this, id);
        return own ? own : VulkanAllocator::do_extension(id);
    }
};

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
    VkDeviceSize bytes = geometry->storage;
    const auto unit = std::max<VkDeviceSize>(session.buffer_alignment, page);
    if (session.rounds_buffers && __builtin_add_overflow(bytes, unit - 1, &bytes))
        return Error(ErrorKind::limit, "the size does not fit");
    if (session.rounds_buffers)
        bytes = bytes / unit * unit;
    // A driver that rounds up to more than the alignment needs no more for the rounded size. One that pads
    // needs more for every size, and its padding stays beyond the VkBuffer.
    if (session.pads_buffers) {
        auto once = session.buffer_needs(bytes, true);
        auto twice = once ? session.buffer_needs(*once, true) : once;
        if (!twice)
            return std::move(twice).error().on(session.name);
        if (*twice == *once)
            bytes = *once;
    }
    const auto failed = [&](Error error) {
        return std::move(error).doing(FixedText("allocating ", bytes, " bytes")).on(session.name);
    };
    if (auto fits = check_size(session, bytes); !fits)
        return std::move(fits).error();
    ExportedMemory made;
    auto buffer = session.create_buffer(bytes, true);
    if (!buffer)
        return failed(std::move(buffer).error());
    made.buffer = OwnedBuffer(session, *buffer);
    made.buffer_size = bytes;
    VkMemoryRequirements needs{};
    session.functions.GetBufferMemoryRequirements(session.device, *buffer, &needs);
    if (auto done = export_memory(session, made, needs); !done)
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
    return without_exceptions([&]() -> Result<Image> {
        auto opened = exporting();
        if (!opened)
            return std::move(opened).error();
        Session& session = **opened;
        if (request.width == 0 || request.height == 0)
            return Error(ErrorKind::invalid, "an image has at least one pixel");
        constexpr VkImageUsageFlags usage = exported_image_usage;
        auto support = modifiers_for(session, request.fourcc, request.width, request.height, usage);
        if (!support)
            return std::move(support).error();
        const auto wanted = [&](std::uint64_t modifier) {
            const auto& allowed = request.modifiers;
            return modifier == linear_modifier
                       ? allows_linear(allowed)
                       : std::find(allowed.begin(), allowed.end(), modifier) != allowed.end();
        };
        std::vector<ModifierSupport> possible;
        for (const ModifierSupport& one : *support)
            if (one.exportable && wanted(one.modifier))
                possible.push_back(one);
        if (possible.empty())
            return Error(ErrorKind::unsupported, "allocating an image")
                .on(session.name)
                .remedy("the driver exports no image of this format with any of the modifiers asked for");
        auto image = create_image(session, request, possible, usage);
        if (!image)
            return std::move(image).error();
        ExportedMemory made;
        made.image = OwnedImage(session, image->image);
        made.format = image->format;
        made.plane_views = image->plane_views;
        VkMemoryRequirements needs{};
        session.functions.GetImageMemoryRequirements(session.device, image->image, &needs);
        if (auto done = export_memory(session, made, needs); !done)
            return std::move(done).error().doing(
                FixedText("allocating an image of ", request.width, "x", request.height));
        auto layout = layout_of(session, image->image, request, *support, needs.size);
        if (!layout)
            return std::move(layout).error();
        made.layout = *layout;
        const auto bytes =
            static_cast<std::size_t>(needs.size); // export_memory() refused what cannot be addressed
        auto geometry = Geometry::window(bytes, 0, bytes, MemoryFlags::none);
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
    auto taken = take_import(fd, offset, size, flags);
    if (!taken)
        return std::move(taken).error();
    auto opened = source_.get();
    if (!opened)
        return std::move(opened).error();
    Session& session = **opened;
    auto import = session.imports->buffer(taken->buffer);
    if (!import)
        return std::move(import).error();
    auto* block = new (std::nothrow)
        ImportedBlock(*this, taken->geometry, session, std::move(taken->buffer), *std::move(import));
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
