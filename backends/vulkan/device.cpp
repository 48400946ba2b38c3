// The public face of an open device.
#include <algorithm>

#include "backends/vulkan/allocators.h"
#include "backends/vulkan/images.h"
#include "backends/vulkan/memory.h"
#include "backends/vulkan/sampler_conversion.h"
#include "common/checked.h"
#include "common/immortal.h"
#include "hwalloc/vulkan.h"

namespace hwalloc::vulkan {

// ---- what memory is in Vulkan

VkBuffer Buffer::handle() const noexcept {
    return binding_ ? binding_->buffer : VK_NULL_HANDLE;
}
VkDeviceMemory Buffer::device_memory() const noexcept {
    return binding_ ? binding_->memory : VK_NULL_HANDLE;
}
VkDeviceSize Buffer::device_memory_offset() const noexcept {
    return binding_ ? binding_->memory_offset : 0;
}
bool Buffer::foreign() const noexcept {
    return binding_ && binding_->foreign;
}

VkImage Texture::handle() const noexcept {
    return binding_ ? binding_->image : VK_NULL_HANDLE;
}
VkFormat Texture::format() const noexcept {
    return binding_ ? binding_->format : VK_FORMAT_UNDEFINED;
}
VkExtent2D Texture::extent() const noexcept {
    return binding_ ? binding_->extent : VkExtent2D{};
}
std::uint64_t Texture::modifier() const noexcept {
    return binding_ ? binding_->modifier : 0;
}
bool Texture::plane_views() const noexcept {
    return binding_ && binding_->plane_views;
}
VkDeviceMemory Texture::device_memory() const noexcept {
    return binding_ ? binding_->memory : VK_NULL_HANDLE;
}

VkSamplerYcbcrConversion SamplerConversion::handle() const noexcept {
    return binding_ ? binding_->conversion : VK_NULL_HANDLE;
}
VkSamplerYcbcrConversionCreateInfo SamplerConversion::create_info() const noexcept {
    return binding_ ? binding_->info : VkSamplerYcbcrConversionCreateInfo{};
}
VkSamplerYcbcrConversionInfo SamplerConversion::info() const noexcept {
    return {
        .sType = VK_STRUCTURE_TYPE_SAMPLER_YCBCR_CONVERSION_INFO, .pNext = nullptr, .conversion = handle()};
}

// ---- the device

namespace {

HWALLOC_IMMORTAL(std::string, no_name);
constexpr Features no_features;

Result<void> usable(const std::shared_ptr<detail::Session>& session) noexcept {
    return session ? session->check_process() : Error(ErrorKind::invalid, "the Vulkan Device was moved from");
}

} // namespace

Device::Device(std::shared_ptr<detail::Session> session) noexcept : session_(std::move(session)) {}

Result<Device> Device::open(std::string_view which) noexcept {
    auto instance = detail::Instance::get();
    if (!instance)
        return std::move(instance).error();
    auto chosen = (*instance)->choose(which);
    if (!chosen)
        return std::move(chosen).error();
    auto session = (*instance)->session(**chosen);
    if (!session)
        return std::move(session).error();
    return Device(*std::move(session));
}

Result<Device> Device::wrap(const Handles& handles) noexcept {
    auto session = detail::Session::wrap(handles);
    if (!session)
        return std::move(session).error();
    return Device(*std::move(session));
}

Result<Device> Device::of(Allocator& allocator) noexcept {
    auto* on_device = allocator.extension<detail::OnVulkanDevice>();
    if (!on_device)
        return Error(ErrorKind::invalid, "this allocator makes no memory of a Vulkan device");
    auto session = on_device->session();
    if (!session)
        return std::move(session).error();
    return Device(*std::move(session));
}

VkInstance Device::instance() const noexcept {
    return session_ ? session_->instance : VK_NULL_HANDLE;
}
VkPhysicalDevice Device::physical_device() const noexcept {
    return session_ ? session_->physical_device : VK_NULL_HANDLE;
}
VkDevice Device::device() const noexcept {
    return session_ ? session_->device : VK_NULL_HANDLE;
}
VkQueue Device::queue() const noexcept {
    return session_ ? session_->queue : VK_NULL_HANDLE;
}
std::uint32_t Device::queue_family() const noexcept {
    return session_ ? session_->queue_family : 0;
}
std::unique_lock<std::mutex> Device::queue_lock() const {
    // In a child of fork a thread of the parent's may hold it.
    return session_ && session_->of_this_process() ? session_->lock_queue() : std::unique_lock<std::mutex>();
}
const std::string& Device::name() const noexcept {
    return session_ ? session_->name : *no_name;
}
const std::string& Device::index() const noexcept {
    return session_ ? session_->index : *no_name;
}
const Features& Device::features() const noexcept {
    return session_ ? session_->enabled_features : no_features;
}
bool Device::imports_dma_buf() const noexcept {
    return session_ && session_->external.importable;
}
bool Device::exports_dma_buf() const noexcept {
    return session_ && session_->external.exportable;
}
Answer Device::sees_cpu_caches() const noexcept {
    return session_ && session_->of_this_process()
               ? detail::sees_cpu_caches(session_->functions, session_->physical_device)
               : Answer::unknown;
}

Result<AllocatorRef> Device::allocator(Placement placement) noexcept {
    if (auto own = usable(session_); !own)
        return std::move(own).error();
    return detail::make_allocator(session_, placement);
}

Result<Buffer> Device::buffer(Memory& memory) noexcept {
    if (auto own = usable(session_); !own)
        return std::move(own).error();
    auto window = detail::buffer_of(*session_, memory);
    if (!window)
        return std::move(window).error();
    Buffer buffer;
    const VkDeviceSize in_all = window->binding->size;
    if (window->offset > in_all || (window->offset == in_all && memory.size() > 0))
        return Error(ErrorKind::incompatible, "using memory as a Vulkan buffer")
            .on(name())
            .wanted(window->offset + memory.size())
            .held(in_all)
            .remedy("the driver pads buffers, and the end of this memory is what the padding takes: allocate "
                    "Device::memory_size_for_buffer() bytes");
    buffer.offset_ = window->offset;
    buffer.size_ = std::min<VkDeviceSize>(memory.size(), in_all - window->offset);
    buffer.binding_ = std::move(window->binding);
    return buffer;
}

Result<VkDeviceSize> Device::memory_size_for_buffer(VkDeviceSize size) const noexcept {
    if (auto own = usable(session_); !own)
        return std::move(own).error();
    return session_->buffer_needs(size, session_->external.importable);
}

namespace {

// Whether a picture can lie so in a window of `size` bytes, whatever a driver thinks of it.
Result<void> check_picture(const ImageLayout& layout, VkImageUsageFlags usage, std::uint64_t size,
                           const std::string& device) noexcept {
    if (layout.width == 0 || layout.height == 0 || layout.plane_count == 0 ||
        layout.plane_count > ImageLayout::max_planes)
        return Error(ErrorKind::invalid, "an image has at least one pixel, and one to four planes");
    if (usage == 0)
        return Error(ErrorKind::invalid, "an image is for some use");
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        const ImagePlane& plane = layout.planes[i];
        std::uint64_t end = 0;
        if (!checked_add(plane.offset, plane.size, end) || end > size)
            return Error(ErrorKind::incompatible, "the picture does not lie inside the memory")
                .on(device)
                .wanted(plane.size)
                .held(size);
    }
    // Not every driver looks: Mesa's lavapipe takes a pitch of 0 for a picture of no bytes. Formats that are
    // not known here are the driver's to judge.
    const std::uint32_t pitch = layout.planes[0].stride;
    if (layout.modifier != linear_modifier)
        return {};
    const auto rows = linear_layout(layout.fourcc, layout.width, layout.height, pitch);
    if (pitch == 0 || (!rows && rows.error().kind() == ErrorKind::invalid))
        return Error(ErrorKind::incompatible, "the rows of the picture overlap: its pitch is too small")
            .on(device)
            .remedy("ask the camera for a larger pitch, or use the memory as a buffer");
    return {};
}

} // namespace

Result<Texture> Device::texture(Memory& memory, const ImageLayout& layout, VkImageUsageFlags usage) noexcept {
    if (auto own = usable(session_); !own)
        return std::move(own).error();
    if (auto possible = check_picture(layout, usage, memory.size(), name()); !possible)
        return std::move(possible).error();
    Texture texture;
    auto* native = memory.block().extension<detail::HasVulkanMemory>();
    if (native && &native->session() == session_.get()) {
        auto binding = native->image(memory);
        if (!binding)
            return std::move(binding).error();
        ImageLayout pixels = layout; // colours are no matter of where pixels are
        if (*binding) {
            pixels.matrix = (*binding)->layout.matrix;
            pixels.range = (*binding)->layout.range;
        }
        // A share that begins elsewhere is another picture.
        if (*binding && memory.offset() == 0 && pixels == (*binding)->layout &&
            (usage & ~(*binding)->usage) == 0) {
            texture.binding_ = *std::move(binding);
            return texture;
        }
    }
    auto found = detail::find_dma_buf(*session_, memory);
    if (!found)
        return std::move(found).error();
    ImageLayout in_dma_buf = layout;
    in_dma_buf.matrix = ColorMatrix::unspecified;
    in_dma_buf.range = ColorRange::unspecified;
    for (std::uint32_t i = 0; i < layout.plane_count && i < ImageLayout::max_planes; ++i)
        in_dma_buf.planes[i].offset += found->offset;
    auto binding = session_->imports->image(found->dma_buf, in_dma_buf, usage);
    if (!binding)
        return std::move(binding).error();
    texture.binding_ = *std::move(binding);
    return texture;
}

Result<SamplerConversion> Device::sampler_conversion(const ImageLayout& layout, const ChromaSiting& siting,
                                                     VkFilter chroma_filter) noexcept {
    if (auto own = usable(session_); !own)
        return std::move(own).error();
    auto binding = detail::create_conversion(*session_, layout, siting, chroma_filter);
    if (!binding)
        return std::move(binding).error();
    SamplerConversion conversion;
    conversion.binding_ = *std::move(binding);
    return conversion;
}

Result<std::vector<std::uint64_t>> Device::modifiers(std::uint32_t drm_fourcc,
                                                     VkImageUsageFlags usage) noexcept {
    if (auto own = usable(session_); !own)
        return std::move(own).error();
    return without_exceptions([&]() -> Result<std::vector<std::uint64_t>> {
        auto support = detail::modifiers_for(*session_, drm_fourcc, 0, 0, usage);
        if (!support)
            return std::move(support).error();
        std::vector<std::uint64_t> modifiers;
        for (const detail::ModifierSupport& one : *support)
            modifiers.push_back(one.modifier);
        return modifiers;
    });
}

Result<std::vector<HeapStatistics>> Device::heaps() const noexcept {
    if (auto own = usable(session_); !own)
        return std::move(own).error();
    return without_exceptions([&]() -> Result<std::vector<HeapStatistics>> { return session_->heaps(); });
}

VkBufferMemoryBarrier Device::acquire_barrier(const Buffer& buffer, VkAccessFlags access) const noexcept {
    return session_ && buffer ? detail::acquire_from(*session_, *buffer.binding_, access)
                              : VkBufferMemoryBarrier{};
}
VkBufferMemoryBarrier Device::release_barrier(const Buffer& buffer, VkAccessFlags access) const noexcept {
    return session_ && buffer ? detail::release_to(*session_, *buffer.binding_, access)
                              : VkBufferMemoryBarrier{};
}

VkImageMemoryBarrier Device::acquire_barrier(const Texture& texture, VkAccessFlags access,
                                             VkImageLayout layout) const noexcept {
    return session_ && texture ? detail::acquire_from(*session_, *texture.binding_, access, layout)
                               : VkImageMemoryBarrier{};
}
VkImageMemoryBarrier Device::release_barrier(const Texture& texture, VkAccessFlags access,
                                             VkImageLayout layout) const noexcept {
    return session_ && texture ? detail::release_to(*session_, *texture.binding_, access, layout)
                               : VkImageMemoryBarrier{};
}
VkImageMemoryBarrier Device::discard_barrier(const Texture& texture, VkAccessFlags access,
                                             VkImageLayout layout) const noexcept {
    return texture ? detail::take_fresh(*texture.binding_, access, layout) : VkImageMemoryBarrier{};
}

} // namespace hwalloc::vulkan
