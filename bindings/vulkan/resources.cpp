// Memory as Vulkan objects, for C.
#include "bindings/c/layout.h"
#include "bindings/vulkan/objects.h"

using namespace hwalloc;
using c::refuse;
using c::refuse_null;

namespace {

constexpr const char *no_memory_given = "there is no memory", *no_layout_given = "there is no layout";

} // namespace

int hwalloc_vulkan_buffer_new(hwalloc_vulkan_device* device, hwalloc_memory* memory,
                              hwalloc_vulkan_buffer** buffer, hwalloc_error** error) noexcept {
    if (!device || !memory || !buffer)
        return refuse_null(!device   ? c::no_vulkan_device
                           : !memory ? no_memory_given
                                     : c::no_vulkan_place,
                           error);
    return c::answer_vulkan(device->device.buffer(*c::of(memory)), buffer, error);
}
void hwalloc_vulkan_buffer_free(hwalloc_vulkan_buffer* buffer) noexcept {
    delete buffer;
}
int hwalloc_vulkan_buffer_get_info(const hwalloc_vulkan_buffer* buffer, hwalloc_vulkan_buffer_info* info,
                                   hwalloc_error** error) noexcept {
    if (!buffer || !info)
        return refuse_null(buffer ? c::no_vulkan_place : "there is no buffer", error);
    const vulkan::Buffer& of = buffer->buffer;
    return c::answer(
        c::write_struct(info, hwalloc_vulkan_buffer_info{.struct_size = 0,
                                                         .buffer = of.handle(),
                                                         .offset = of.offset(),
                                                         .size = of.size(),
                                                         .device_memory = of.device_memory(),
                                                         .device_memory_offset = of.device_memory_offset(),
                                                         .foreign = of.foreign(),
                                                         .reserved = 0}),
        error);
}
int hwalloc_vulkan_memory_size_for_buffer(const hwalloc_vulkan_device* device, VkDeviceSize size,
                                          VkDeviceSize* needed, hwalloc_error** error) noexcept {
    if (!device || !needed)
        return refuse_null(device ? c::no_vulkan_place : c::no_vulkan_device, error);
    const auto bytes = device->device.memory_size_for_buffer(size);
    if (!bytes)
        return refuse(bytes.error(), error);
    *needed = *bytes;
    return 0;
}

int hwalloc_vulkan_texture_new(hwalloc_vulkan_device* device, hwalloc_memory* memory,
                               const hwalloc_image_layout* layout, VkImageUsageFlags usage,
                               hwalloc_vulkan_texture** texture, hwalloc_error** error) noexcept {
    if (!device || !memory || !layout || !texture)
        return refuse_null(!device   ? c::no_vulkan_device
                           : !memory ? no_memory_given
                           : !layout ? no_layout_given
                                     : c::no_vulkan_place,
                           error);
    return c::answer_vulkan(c::layout_of(layout).and_then([&](const ImageLayout& picture) {
        return device->device.texture(*c::of(memory), picture, usage);
    }),
                            texture, error);
}
void hwalloc_vulkan_texture_free(hwalloc_vulkan_texture* texture) noexcept {
    delete texture;
}
int hwalloc_vulkan_texture_get_info(const hwalloc_vulkan_texture* texture, hwalloc_vulkan_texture_info* info,
                                    hwalloc_error** error) noexcept {
    if (!texture || !info)
        return refuse_null(texture ? c::no_vulkan_place : "there is no picture", error);
    const vulkan::Texture& of = texture->texture;
    return c::answer(c::write_struct(info, hwalloc_vulkan_texture_info{.struct_size = 0,
                                                                       .image = of.handle(),
                                                                       .device_memory = of.device_memory(),
                                                                       .modifier = of.modifier(),
                                                                       .extent = of.extent(),
                                                                       .format = of.format(),
                                                                       .plane_views = of.plane_views()}),
                     error);
}

int hwalloc_vulkan_conversion_new(hwalloc_vulkan_device* device, const hwalloc_image_layout* layout,
                                  VkChromaLocation x, VkChromaLocation y, VkFilter chroma_filter,
                                  hwalloc_vulkan_conversion** conversion, hwalloc_error** error) noexcept {
    if (!device || !layout || !conversion)
        return refuse_null(!device   ? c::no_vulkan_device
                           : !layout ? no_layout_given
                                     : c::no_vulkan_place,
                           error);
    return c::answer_vulkan(c::layout_of(layout).and_then([&](const ImageLayout& picture) {
        return device->device.sampler_conversion(picture, {.x = x, .y = y}, chroma_filter);
    }),
                            conversion, error);
}
void hwalloc_vulkan_conversion_free(hwalloc_vulkan_conversion* conversion) noexcept {
    delete conversion;
}
void hwalloc_vulkan_conversion_create_info(const hwalloc_vulkan_conversion* conversion,
                                           VkSamplerYcbcrConversionCreateInfo* info) noexcept {
    if (info)
        *info = conversion ? conversion->conversion.create_info() : VkSamplerYcbcrConversionCreateInfo{};
}
void hwalloc_vulkan_conversion_info(const hwalloc_vulkan_conversion* conversion,
                                    VkSamplerYcbcrConversionInfo* info) noexcept {
    if (info)
        *info = conversion ? conversion->conversion.info() : VkSamplerYcbcrConversionInfo{};
}

void hwalloc_vulkan_acquire_buffer(const hwalloc_vulkan_device* device, const hwalloc_vulkan_buffer* buffer,
                                   VkAccessFlags access, VkBufferMemoryBarrier* barrier) noexcept {
    if (device && buffer && barrier)
        *barrier = device->device.acquire_barrier(buffer->buffer, access);
}
void hwalloc_vulkan_release_buffer(const hwalloc_vulkan_device* device, const hwalloc_vulkan_buffer* buffer,
                                   VkAccessFlags access, VkBufferMemoryBarrier* barrier) noexcept {
    if (device && buffer && barrier)
        *barrier = device->device.release_barrier(buffer->buffer, access);
}
void hwalloc_vulkan_acquire_texture(const hwalloc_vulkan_device* device,
                                    const hwalloc_vulkan_texture* texture, VkAccessFlags access,
                                    VkImageLayout layout, VkImageMemoryBarrier* barrier) noexcept {
    if (device && texture && barrier)
        *barrier = device->device.acquire_barrier(texture->texture, access, layout);
}
void hwalloc_vulkan_release_texture(const hwalloc_vulkan_device* device,
                                    const hwalloc_vulkan_texture* texture, VkAccessFlags access,
                                    VkImageLayout layout, VkImageMemoryBarrier* barrier) noexcept {
    if (device && texture && barrier)
        *barrier = device->device.release_barrier(texture->texture, access, layout);
}
void hwalloc_vulkan_discard_texture(const hwalloc_vulkan_device* device,
                                    const hwalloc_vulkan_texture* texture, VkAccessFlags access,
                                    VkImageLayout layout, VkImageMemoryBarrier* barrier) noexcept {
    if (device && texture && barrier)
        *barrier = device->device.discard_barrier(texture->texture, access, layout);
}
