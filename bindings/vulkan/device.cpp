// Vulkan devices for C.
#include <cstdint>
#include <span>
#include <string>

#include "bindings/vulkan/objects.h"

using namespace hwalloc;
using c::refuse;
using c::refuse_null;

namespace {

uint32_t bits_of(const vulkan::Features& features) noexcept {
    const auto bit = [](bool has, uint32_t value) { return has ? value : 0u; };
    return bit(features.sampler_ycbcr_conversion, HWALLOC_VULKAN_SAMPLER_YCBCR_CONVERSION) |
           bit(features.timeline_semaphore, HWALLOC_VULKAN_TIMELINE_SEMAPHORE) |
           bit(features.synchronization2, HWALLOC_VULKAN_SYNCHRONIZATION2);
}

const char* const* names_of(std::span<const char* const> names, size_t* count) noexcept {
    if (count)
        *count = names.size();
    return names.data();
}

} // namespace

const char* const* hwalloc_vulkan_required_extensions(size_t* count) noexcept {
    return names_of(vulkan::required_device_extensions(), count);
}
const char* const* hwalloc_vulkan_optional_extensions(size_t* count) noexcept {
    return names_of(vulkan::optional_device_extensions(), count);
}
int hwalloc_vulkan_device_extensions(VkPhysicalDevice physical_device,
                                     PFN_vkGetInstanceProcAddr get_instance_proc_addr, VkInstance instance,
                                     const char** names, size_t most, size_t* count,
                                     hwalloc_error** error) noexcept {
    if (!count || (!names && most > 0))
        return refuse_null(c::no_vulkan_place, error);
    return c::answer_some(vulkan::device_extensions(physical_device, get_instance_proc_addr, instance), names,
                          most, count, error, [](const char* name) { return name; });
}
int hwalloc_vulkan_device_features(VkPhysicalDevice physical_device,
                                   PFN_vkGetInstanceProcAddr get_instance_proc_addr, VkInstance instance,
                                   uint32_t* features, hwalloc_error** error) noexcept {
    if (!features)
        return refuse_null(c::no_vulkan_place, error);
    const auto has = vulkan::device_features(physical_device, get_instance_proc_addr, instance);
    if (!has)
        return refuse(has.error(), error);
    *features = bits_of(*has);
    return 0;
}

int hwalloc_vulkan_open(const char* which, hwalloc_vulkan_device** device, hwalloc_error** error) noexcept {
    return device ? c::answer_vulkan(vulkan::Device::open(which), device, error)
                  : refuse_null(c::no_vulkan_place, error);
}
int hwalloc_vulkan_wrap(const hwalloc_vulkan_handles* handles, hwalloc_vulkan_device** device,
                        hwalloc_error** error) noexcept {
    if (!handles || !device)
        return refuse_null(handles ? c::no_vulkan_place : "there are no handles", error);
    const auto given = c::read_struct(handles);
    if (!given)
        return refuse(given.error(), error);
    if (!given->extensions && given->extension_count > 0)
        return refuse_null("a list is missing", error);
    return c::answer_vulkan(
        vulkan::Device::wrap({.instance = given->instance,
                              .physical_device = given->physical_device,
                              .device = given->device,
                              .get_instance_proc_addr = given->get_instance_proc_addr,
                              .api_version = given->api_version ? given->api_version : VK_API_VERSION_1_1,
                              .enabled_extensions = std::span(given->extensions, given->extension_count),
                              .enabled_features = given->features,
                              .queue = given->queue,
                              .queue_family = given->queue_family}),
        device, error);
}
int hwalloc_vulkan_of_allocator(hwalloc_allocator* allocator, hwalloc_vulkan_device** device,
                                hwalloc_error** error) noexcept {
    if (!allocator || !device)
        return refuse_null(allocator ? c::no_vulkan_place : "there is no allocator", error);
    return c::answer_vulkan(vulkan::Device::of(*c::of(allocator)), device, error);
}
void hwalloc_vulkan_free(hwalloc_vulkan_device* device) noexcept {
    delete device;
}

int hwalloc_vulkan_get_info(const hwalloc_vulkan_device* device, hwalloc_vulkan_info* info,
                            hwalloc_error** error) noexcept {
    if (!device || !info)
        return refuse_null(device ? c::no_vulkan_place : c::no_vulkan_device, error);
    const vulkan::Device& of = device->device;
    return c::answer(c::write_struct(info, hwalloc_vulkan_info{.struct_size = 0,
                                                               .instance = of.instance(),
                                                               .physical_device = of.physical_device(),
                                                               .device = of.device(),
                                                               .queue = of.queue(),
                                                               .name = of.name().c_str(),
                                                               .index = of.index().c_str(),
                                                               .queue_family = of.queue_family(),
                                                               .features = bits_of(of.features()),
                                                               .imports_dma_buf = of.imports_dma_buf(),
                                                               .exports_dma_buf = of.exports_dma_buf(),
                                                               .sees_cpu_caches = static_cast<uint32_t>(
                                                                   of.sees_cpu_caches()),
                                                               .reserved = 0}),
                     error);
}
void hwalloc_vulkan_queue_lock(hwalloc_vulkan_device* device) noexcept {
    if (!device)
        return;
    auto lock = device->device.queue_lock();
    if (lock.owns_lock()) // not in a child of fork()
        device->locked = lock.release();
}
void hwalloc_vulkan_queue_unlock(hwalloc_vulkan_device* device) noexcept {
    if (std::mutex* locked = device ? std::exchange(device->locked, nullptr) : nullptr)
        locked->unlock();
}

int hwalloc_vulkan_allocator(hwalloc_vulkan_device* device, uint32_t placement, hwalloc_allocator** allocator,
                             hwalloc_error** error) noexcept {
    if (!device || !allocator || placement > HWALLOC_VULKAN_DEVICE_LOCAL)
        return refuse_null(!device      ? c::no_vulkan_device
                           : !allocator ? c::no_vulkan_place
                                        : "there is no such placement",
                           error);
    auto made = device->device.allocator(static_cast<vulkan::Placement>(placement));
    if (!made)
        return refuse(made.error(), error);
    made->get()->ref(); // the caller's
    *allocator = c::to_c(made->get());
    return 0;
}
int hwalloc_vulkan_heaps(const hwalloc_vulkan_device* device, hwalloc_vulkan_heap* heaps, size_t most,
                         size_t* count, hwalloc_error** error) noexcept {
    if (!device || !count || (!heaps && most > 0))
        return refuse_null(device ? c::no_vulkan_place : c::no_vulkan_device, error);
    return c::answer_some(device->device.heaps(), heaps, most, count, error,
                          [](const vulkan::HeapStatistics& heap) {
                              return hwalloc_vulkan_heap{.index = heap.index,
                                                         .device_local = heap.device_local,
                                                         .size = heap.size,
                                                         .budget = heap.budget,
                                                         .usage = heap.usage,
                                                         .allocated = heap.allocated,
                                                         .suballocated = heap.suballocated,
                                                         .imported = heap.imported,
                                                         .device_memories = heap.device_memories,
                                                         .suballocations = heap.suballocations,
                                                         .imports = heap.imports,
                                                         .reserved = 0};
                          });
}
int hwalloc_vulkan_modifiers(hwalloc_vulkan_device* device, uint32_t drm_fourcc, VkImageUsageFlags usage,
                             uint64_t* modifiers, size_t most, size_t* count,
                             hwalloc_error** error) noexcept {
    if (!device || !count || (!modifiers && most > 0))
        return refuse_null(device ? c::no_vulkan_place : c::no_vulkan_device, error);
    return c::answer_some(device->device.modifiers(drm_fourcc, usage), modifiers, most, count, error,
                          [](std::uint64_t modifier) { return modifier; });
}
VkFormat hwalloc_vulkan_format_of_drm(uint32_t drm_fourcc) noexcept {
    return vulkan::format_of_drm(drm_fourcc);
}
uint32_t hwalloc_vulkan_drm_of_format(VkFormat format) noexcept {
    return vulkan::drm_of_format(format);
}
int hwalloc_vulkan_participant(const hwalloc_vulkan_device* device, VkImageUsageFlags usage,
                               hwalloc_participant** participant, hwalloc_error** error) noexcept {
    return device ? c::answer_participant(vulkan::participant(device->device, usage), participant, error)
                  : refuse_null(c::no_vulkan_device, error);
}
