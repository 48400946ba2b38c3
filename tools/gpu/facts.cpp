#include "tools/gpu/facts.h"

#include <fmt/format.h>

#include <algorithm>

#include "hwalloc/vulkan.h"

namespace hwalloc::tools {
namespace {

std::vector<std::string> extensions_of(VkPhysicalDevice device) {
    std::vector<VkExtensionProperties> found;
    VkResult result;
    do {
        std::uint32_t count = 0;
        result = vkEnumerateDeviceExtensionProperties(device, nullptr, &count, nullptr);
        if (result != VK_SUCCESS)
            return {};
        found.resize(count);
        result = vkEnumerateDeviceExtensionProperties(device, nullptr, &count, found.data());
        found.resize(count);
    } while (result == VK_INCOMPLETE);
    std::vector<std::string> names;
    if (result == VK_SUCCESS)
        for (const VkExtensionProperties& extension : found)
            names.emplace_back(extension.extensionName);
    return names;
}

} // namespace

Result<GpuFacts> describe_gpu(Allocator& allocator) {
    auto device = vulkan::Device::of(allocator);
    if (!device)
        return std::move(device).error();
    VkPhysicalDeviceDriverProperties driver{};
    driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
    VkPhysicalDeviceProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    properties.pNext = &driver; // a driver that does not know it leaves it empty
    vkGetPhysicalDeviceProperties2(device->physical_device(), &properties);

    GpuFacts facts;
    facts.name = device->name();
    if (driver.driverName[0])
        facts.driver = fmt::format("{}: {}", driver.driverName, driver.driverInfo);
    const std::uint32_t version = properties.properties.apiVersion;
    facts.version = fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
                                VK_API_VERSION_PATCH(version));
    facts.imports = device->imports_dma_buf();
    facts.exports = device->exports_dma_buf();
    const auto there = extensions_of(device->physical_device());
    const auto add = [&](std::span<const char* const> names, bool required) {
        for (const char* name : names)
            facts.extensions.push_back(
                {name, required, std::find(there.begin(), there.end(), name) != there.end()});
    };
    add(vulkan::required_device_extensions(), true);
    add(vulkan::optional_device_extensions(), false);
    return facts;
}

} // namespace hwalloc::tools
