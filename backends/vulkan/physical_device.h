// One physical device as its driver describes it, before any VkDevice of it is made.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/vulkan/functions.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/result.h"

namespace hwalloc::vulkan::detail {

// What is known of a physical device without opening it.
struct PhysicalDevice {
    VkPhysicalDevice handle = VK_NULL_HANDLE;
    std::string index;                     // "0"
    std::string name;                      // VkPhysicalDeviceProperties::deviceName
    std::string slug;                      // the first word of it in small letters: "llvmpipe"
    std::string render_node, primary_node; // "renderD128", "card0"; empty where the driver does not tell
    std::uint32_t api_version = 0;         // of the device, at most the instance's
    bool imports_dma_buf = false;          // has required_device_extensions()
};

// Asks the driver. May throw std::bad_alloc.
PhysicalDevice describe(const Functions& functions, VkPhysicalDevice handle, std::size_t index,
                        std::uint32_t instance_version);

std::string lower(std::string_view text);

// Every extension that a device has. Errors: those of the driver, exhausted.
Result<std::vector<VkExtensionProperties>> extensions_of(const Functions& functions,
                                                         VkPhysicalDevice device) noexcept;
bool contains(const std::vector<VkExtensionProperties>& extensions, std::string_view name) noexcept;
bool contains(std::span<const char* const> extensions, std::string_view name) noexcept;

// Those of required_device_extensions() and optional_device_extensions() that a device has. Errors: as
// extensions_of(). May throw std::bad_alloc.
Result<std::vector<const char*>> wanted_extensions(const Functions& functions, VkPhysicalDevice device);

// hwalloc::sees_cpu_caches() of the device's DRM node; a driver that is software does. Asks the driver.
Answer sees_cpu_caches(const Functions& functions, VkPhysicalDevice device) noexcept;

} // namespace hwalloc::vulkan::detail
