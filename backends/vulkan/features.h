// The features of Vulkan that the library asks for, or an application enabled: the answers, and the chain of
// structures that Vulkan wants them in.
#pragma once

#include <cstdint>
#include <span>

#include "backends/vulkan/functions.h"
#include "hwalloc/vulkan.h"

namespace hwalloc::vulkan::detail {

// The structures of all these features that a VkDevice of this version and with these extensions may be asked
// for. Stays where it was made: the structures point to each other.
class FeatureChain {
public:
    FeatureChain(std::uint32_t api_version, std::span<const char* const> extensions) noexcept;
    FeatureChain(const FeatureChain&) = delete;
    FeatureChain& operator=(const FeatureChain&) = delete;

    // Fills in what the device has.
    void ask(const Functions& functions, VkPhysicalDevice device) noexcept;
    // For VkDeviceCreateInfo::pNext: enables what the device has.
    const void* enable() const noexcept { return next_; }
    // What is filled in.
    Features features() const noexcept;

private:
    template<class Structure>
    void link(Structure& structure) noexcept {
        structure.pNext = next_;
        next_ = &structure;
    }

    void* next_ = nullptr;
    VkPhysicalDeviceSamplerYcbcrConversionFeatures ycbcr_{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SAMPLER_YCBCR_CONVERSION_FEATURES};
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline_{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES};
    VkPhysicalDeviceSynchronization2Features synchronization_{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SYNCHRONIZATION_2_FEATURES};
};

// Those that a chain of VkDeviceCreateInfo::pNext enables, by the structures of single features or those of
// Vulkan 1.1, 1.2 and 1.3.
Features features_in(const void* chain) noexcept;

} // namespace hwalloc::vulkan::detail
