#include "backends/vulkan/features.h"

#include "backends/vulkan/physical_device.h"
#include "common/without_exceptions.h"

namespace hwalloc::vulkan {
namespace detail {

FeatureChain::FeatureChain(std::uint32_t api_version, std::span<const char* const> extensions) noexcept {
    const auto knows = [&](std::uint32_t core_since, const char* extension) {
        return api_version >= core_since || contains(extensions, extension);
    };
    link(ycbcr_); // of Vulkan 1.1
    if (knows(VK_API_VERSION_1_2, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME))
        link(timeline_);
    if (knows(VK_API_VERSION_1_3, VK_KHR_SYNCHRONIZATION_2_EXTENSION_NAME))
        link(synchronization_);
}

void FeatureChain::ask(const Functions& functions, VkPhysicalDevice device) noexcept {
    VkPhysicalDeviceFeatures2 all{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = next_};
    functions.GetPhysicalDeviceFeatures2(device, &all);
}

Features FeatureChain::features() const noexcept {
    return features_in(next_);
}

Features features_in(const void* chain) noexcept {
    Features enabled;
    const auto add = [](bool& feature, VkBool32 value) { feature = feature || value == VK_TRUE; };
    for (const void* next = chain; next; next = static_cast<const VkBaseInStructure*>(next)->pNext)
        switch (static_cast<const VkBaseInStructure*>(next)->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SAMPLER_YCBCR_CONVERSION_FEATURES:
            add(enabled.sampler_ycbcr_conversion,
                static_cast<const VkPhysicalDeviceSamplerYcbcrConversionFeatures*>(next)
                    ->samplerYcbcrConversion);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES:
            add(enabled.sampler_ycbcr_conversion,
                static_cast<const VkPhysicalDeviceVulkan11Features*>(next)->samplerYcbcrConversion);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES:
            add(enabled.timeline_semaphore,
                static_cast<const VkPhysicalDeviceTimelineSemaphoreFeatures*>(next)->timelineSemaphore);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES:
            add(enabled.timeline_semaphore,
                static_cast<const VkPhysicalDeviceVulkan12Features*>(next)->timelineSemaphore);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SYNCHRONIZATION_2_FEATURES:
            add(enabled.synchronization2,
                static_cast<const VkPhysicalDeviceSynchronization2Features*>(next)->synchronization2);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES:
            add(enabled.synchronization2,
                static_cast<const VkPhysicalDeviceVulkan13Features*>(next)->synchronization2);
            break;
        default:
            break;
        }
    return enabled;
}

} // namespace detail

Result<Features> device_features(VkPhysicalDevice physical_device,
                                 PFN_vkGetInstanceProcAddr get_instance_proc_addr,
                                 VkInstance instance) noexcept {
    auto extensions = device_extensions(physical_device, get_instance_proc_addr, instance);
    if (!extensions)
        return std::move(extensions).error();
    detail::Functions functions;
    functions.load_global(get_instance_proc_addr); // as device_extensions() has found possible
    functions.load_instance(instance);
    // By the extensions alone: the VkInstance may be of an older version than the device.
    detail::FeatureChain chain(VK_API_VERSION_1_1, *extensions);
    chain.ask(functions, physical_device);
    return chain.features();
}

} // namespace hwalloc::vulkan
