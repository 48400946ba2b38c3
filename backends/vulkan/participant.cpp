// A GPU as a participant of plans: memory becomes a VkImage where the driver can have the layout, else a
// VkBuffer.
#include <algorithm>

#include "allocators/modifiers.h"
#include "backends/vulkan/ycbcr.h"
#include "hwalloc/image.h"
#include "hwalloc/vulkan.h"

namespace hwalloc::vulkan {
namespace {

constexpr Recipe as_image{
    .use = "VkImage",
    .once = "vulkan::Device::texture() with the plan's layout: one import, kept by the Texture",
    .begin = "acquire_barrier(texture): from VK_QUEUE_FAMILY_FOREIGN_EXT, layout GENERAL",
    .end = "release_barrier(texture), and wait for the fence before a camera gets the memory back"};
constexpr Recipe as_ycbcr_image{
    .use = as_image.use,
    .once =
        "vulkan::Device::texture() with the plan's layout: one import, kept by the Texture; its colours are "
        "sampled by Device::sampler_conversion()",
    .begin = as_image.begin,
    .end = as_image.end};
constexpr Recipe as_planes{.use = as_image.use,
                           .once = "vulkan::Device::texture() with the plan's layout: one import, kept by "
                                   "the Texture; sampled by views of "
                                   "its planes, as the VkDevice lacks the feature samplerYcbcrConversion",
                           .begin = as_image.begin,
                           .end = as_image.end};
constexpr Recipe as_buffer{
    .use = "VkBuffer",
    .once = "vulkan::Device::buffer(): one import, kept by the Buffer; the shader applies the plan's stride",
    .begin = "acquire_barrier(buffer): from VK_QUEUE_FAMILY_FOREIGN_EXT",
    .end = "release_barrier(buffer), and wait for the fence before a camera gets the memory back"};

constexpr Recipe as_short_buffer{
    .use = "VkBuffer",
    .once = "vulkan::Device::buffer(): one import, kept by the Buffer, which ends after the picture and "
            "before the "
            "memory, because this driver pads buffers; the shader applies the plan's stride",
    .begin = as_buffer.begin,
    .end = as_buffer.end};

constexpr Recipe as_buffers{
    .use = "VkBuffer",
    .once =
        "vulkan::Device::buffer() of each memory of a picture: one import, kept by the Buffer; the shader "
        "applies the plan's strides",
    .begin = "acquire_barrier(buffer) of each: from VK_QUEUE_FAMILY_FOREIGN_EXT",
    .end = "release_barrier(buffer) of each, and wait for the fence before a camera gets the memory back"};

class Gpu final : public Participant {
public:
    Gpu(const Device& device, VkImageUsageFlags usage)
        : device_(device)
        , usage_(usage)
        , name_("GPU " + device.name())
        // An application's own device has no name that outlives it.
        , key_(device.index().empty()
                   ? std::string()
                   : "vulkan #" + device.index() + " " + device.name() + " usage " + std::to_string(usage)) {}

    std::string_view name() const noexcept override { return name_; }
    std::string_view cache_key() const noexcept override { return key_; }

    std::vector<AllocatorRef> own_allocators() noexcept override {
        try {
            // A device that takes no dma-bufs still takes pieces of its own, which the CPU can map.
            const bool shares = device_.exports_dma_buf();
            if (!shares && device_.imports_dma_buf())
                return {};
            // By resolving: an application that opened the device by this library alone has looked up no
            // name.
            if (!device_.index().empty())
                if (auto registered =
                        Allocator::resolve("vulkan/" + device_.index() + (shares ? "" : "/host"))) {
                    // The device is open: so the allocator may be, and know what its memory is like.
                    if (auto* describes = (*registered)->extension<Describes>())
                        (void)describes->available();
                    return {AllocatorRef(*registered)};
                }
            if (auto own = device_.allocator(shares ? Placement::exportable : Placement::host))
                return {*own};
        } catch (const std::bad_alloc&) {
            // Nothing brought: other memory is tried.
        }
        return {};
    }

    Result<Constraints> ask(const ImageSpec& image) noexcept override {
        // Without, its own memory does; and the trial tells what the driver lacks for any other.
        const bool imports = device_.imports_dma_buf();
        Constraints needs{.size_align = 4,
                          .contiguous = imports ? Answer::unknown : Answer::no,
                          .needs_dma_buf = imports,
                          .sees_cpu_caches = device_.sees_cpu_caches()};
        if (!image.pixels()) {
            if (auto bytes = device_.memory_size_for_buffer(image.size))
                needs.min_size = *bytes;
            return needs;
        }
        if (usage_ != 0)
            if (auto modifiers = device_.modifiers(image.fourcc, usage_))
                needs.modifiers = std::move(*modifiers);
        // As a VkBuffer, linear pixels of any format do.
        if (!has_linear(needs.modifiers))
            try {
                needs.modifiers.push_back(linear_modifier);
            } catch (const std::bad_alloc&) {
                return Error(ErrorKind::exhausted, "no memory for the constraints of a GPU");
            }
        return needs;
    }

    // A buffer may need more memory than the picture has bytes.
    Result<ImageLayout> settle(const ImageLayout& layout) noexcept override {
        const bool apart = layout.memory_count > 1;
        if (layout.modifier != linear_modifier ||
            (!apart && (layout.fourcc == 0 || !buffer_only(layout.fourcc))))
            return layout;
        ImageLayout settled = layout;
        for (std::uint32_t i = 0; i < std::max(1u, layout.memory_count); ++i)
            if (auto needs = device_.memory_size_for_buffer(end_of(layout, i)))
                settled.memory_sizes[i] = std::max(settled.memory_sizes[i], *needs);
        return settled;
    }

    // Drivers answer a layout that they cannot have in many ways (VK_ERROR_INITIALIZATION_FAILED,
    // VK_ERROR_OUT_OF_DEVICE_MEMORY, ...), so whatever an image is refused with, the buffer is tried. Only a
    // device that is lost refuses both.
    Result<Recipe> attempt(Memory& memory, const ImageLayout& layout) noexcept override {
        if (layout.fourcc == 0 || usage_ == 0)
            return attempt_buffer(memory, layout);
        auto texture = device_.texture(memory, layout, usage_);
        if (texture)
            return recipe_of(*texture);
        if (layout.modifier != linear_modifier || texture.error().kind() == ErrorKind::device_lost)
            return std::move(texture).error();
        auto buffer = attempt_buffer(memory, layout);
        if (buffer)
            return buffer;
        return both_refused(std::move(texture).error(), std::move(buffer).error());
    }

    // A buffer for each memory.
    Result<Recipe> attempt_image(const Image& image) noexcept override {
        if (auto given = check_memories(image); !given)
            return std::move(given).error();
        if (image.layout.memory_count == 1)
            return attempt(*image.memory, image.layout);
        for (std::uint32_t i = 0; i < image.layout.memory_count; ++i)
            if (auto buffer = attempt_buffer(*image.memory_at(i), image.layout, i); !buffer)
                return std::move(buffer).error();
        return as_buffers;
    }

private:
    // Where the last of the planes in a memory ends, in bytes.
    static std::uint64_t end_of(const ImageLayout& layout, std::uint32_t memory = 0) noexcept {
        std::uint64_t end = 0;
        for (std::uint32_t i = 0; i < layout.plane_count && i < ImageLayout::max_planes; ++i) {
            const ImagePlane& plane = layout.planes[i];
            if (plane.memory == memory)
                end = std::max(end, plane.size > UINT64_MAX - plane.offset ? UINT64_MAX
                                                                           : plane.offset + plane.size);
        }
        return end;
    }

    Recipe recipe_of(const Texture& texture) const noexcept {
        if (!(usage_ & VK_IMAGE_USAGE_SAMPLED_BIT) || !detail::ycbcr_format(texture.format()))
            return as_image;
        return device_.features().sampler_ycbcr_conversion ? as_ycbcr_image : as_planes;
    }

    Result<Recipe> attempt_buffer(Memory& memory, const ImageLayout& layout,
                                  std::uint32_t which = 0) noexcept {
        // Nothing of Vulkan looks at what a shader will read of a buffer.
        const std::uint64_t end = end_of(layout, which);
        const auto outside = [&](std::uint64_t held, const char* why) {
            return Error(ErrorKind::incompatible, "using a picture as a Vulkan buffer")
                .on(device_.name())
                .wanted(end)
                .held(held)
                .remedy(why);
        };
        if (end > memory.size())
            return outside(memory.size(), "the picture does not lie inside the memory");
        auto buffer = device_.buffer(memory);
        if (!buffer)
            return std::move(buffer).error();
        if (end > buffer->size())
            return outside(buffer->size(),
                           "this driver pads buffers, and the padding takes the picture's end: "
                           "use memory of vulkan::Device::memory_size_for_buffer() bytes");
        return buffer->size() < memory.size() ? as_short_buffer : as_buffer;
    }
    // Whether no image comes into question, as far as the driver tells.
    bool buffer_only(std::uint32_t fourcc) noexcept {
        if (usage_ == 0)
            return true;
        auto modifiers = device_.modifiers(fourcc, usage_);
        return !modifiers || !has_linear(*modifiers);
    }

    // One error of two. A driver that ran short has said nothing about the memory, so that is the kind which
    // the caller sees.
    static Error both_refused(Error image, Error buffer) noexcept {
        const auto says_nothing = [](const Error& error) {
            return error.kind() == ErrorKind::exhausted || error.kind() == ErrorKind::busy;
        };
        if (says_nothing(image) && !says_nothing(buffer) && buffer.kind() != ErrorKind::device_lost)
            return std::move(image).because(std::move(buffer));
        return std::move(buffer).because(std::move(image));
    }

    Device device_;
    VkImageUsageFlags usage_;
    std::string name_, key_;
};

} // namespace

Result<ParticipantRef> participant(const Device& device, VkImageUsageFlags usage) noexcept {
    if (!device.device())
        return Error(ErrorKind::invalid, "the Vulkan Device was moved from");
    try {
        return ParticipantRef(std::make_shared<Gpu>(device, usage));
    } catch (const std::bad_alloc&) {
        return Error(ErrorKind::exhausted, "no memory for a participant");
    }
}

} // namespace hwalloc::vulkan
