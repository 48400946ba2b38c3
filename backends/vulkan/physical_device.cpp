#include "backends/vulkan/physical_device.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "backends/vulkan/result.h"
#include "common/fixed_text.h"
#include "common/link_end.h"
#include "common/without_exceptions.h"
#include "hwalloc/vulkan.h"

namespace hwalloc::vulkan {

std::span<const char* const> required_device_extensions() noexcept {
    static constexpr std::array names{VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                                      VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME};
    return names;
}

std::span<const char* const> optional_device_extensions() noexcept {
    static constexpr std::array names{
        VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME,     VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME,
        VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME,  VK_EXT_MEMORY_BUDGET_EXTENSION_NAME,
        VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME,
        VK_KHR_SYNCHRONIZATION_2_EXTENSION_NAME};
    return names;
}

namespace detail {
namespace {

dev_t device_number(std::int64_t major_number, std::int64_t minor_number) noexcept {
    return makedev(static_cast<unsigned>(major_number), static_cast<unsigned>(minor_number));
}

using Extensions = Result<std::vector<VkExtensionProperties>>;

struct PropertiesAndNodes {
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceDrmPropertiesEXT drm; // all zero where the driver does not tell
};
PropertiesAndNodes properties_and_nodes(const Functions& functions, VkPhysicalDevice device,
                                        const Extensions& extensions) noexcept {
    const bool tells_nodes = extensions && contains(*extensions, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME);
    VkPhysicalDeviceDrmPropertiesEXT drm{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT};
    VkPhysicalDeviceProperties2 properties{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                           .pNext = tells_nodes ? &drm : nullptr};
    functions.GetPhysicalDeviceProperties2(device, &properties);
    return {properties.properties, drm};
}

} // namespace

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& letter : result)
        letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    return result;
}

PhysicalDevice describe(const Functions& functions, VkPhysicalDevice handle, std::size_t index,
                        std::uint32_t instance_version) {
    PhysicalDevice device{.handle = handle, .index = std::to_string(index)};
    const auto extensions = extensions_of(functions, handle);
    const auto [properties, drm] = properties_and_nodes(functions, handle, extensions);
    device.name = properties.deviceName;
    device.slug = lower(device.name.substr(0, device.name.find_first_of(" (/")));
    device.api_version = std::min(properties.apiVersion, instance_version);
    if (drm.hasRender)
        device.render_node = kernel_name(device_number(drm.renderMajor, drm.renderMinor));
    if (drm.hasPrimary)
        device.primary_node = kernel_name(device_number(drm.primaryMajor, drm.primaryMinor));
    const auto required = required_device_extensions();
    device.imports_dma_buf =
        extensions && std::all_of(required.begin(), required.end(),
                                  [&](const char* name) { return contains(*extensions, name); });
    return device;
}

Result<std::vector<VkExtensionProperties>> extensions_of(const Functions& functions,
                                                         VkPhysicalDevice device) noexcept {
    return without_exceptions([&]() -> Result<std::vector<VkExtensionProperties>> {
        std::vector<VkExtensionProperties> extensions;
        VkResult result;
        do {
            std::uint32_t count = 0;
            result = functions.EnumerateDeviceExtensionProperties(device, nullptr, &count, nullptr);
            if (result != VK_SUCCESS)
                break;
            extensions.resize(count);
            result = functions.EnumerateDeviceExtensionProperties(device, nullptr, &count, extensions.data());
            extensions.resize(count);
        } while (result == VK_INCOMPLETE);
        if (result != VK_SUCCESS)
            return refused(result, "asking for a Vulkan device's extensions",
                           "vkEnumerateDeviceExtensionProperties");
        return extensions;
    });
}

bool contains(const std::vector<VkExtensionProperties>& extensions, std::string_view name) noexcept {
    return std::any_of(extensions.begin(), extensions.end(),
                       [&](const VkExtensionProperties& one) { return one.extensionName == name; });
}

bool contains(std::span<const char* const> extensions, std::string_view name) noexcept {
    return std::any_of(extensions.begin(), extensions.end(), [&](const char* one) { return name == one; });
}

Result<std::vector<const char*>> wanted_extensions(const Functions& functions, VkPhysicalDevice device) {
    auto there = extensions_of(functions, device);
    if (!there)
        return std::move(there).error();
    std::vector<const char*> names;
    for (const auto list : {required_device_extensions(), optional_device_extensions()})
        for (const char* name : list)
            if (contains(*there, name))
                names.push_back(name);
    // It needs the list of formats (core in Vulkan 1.2, and offered by every driver beside it).
    if (!contains(*there, VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME))
        std::erase_if(names, [](std::string_view name) {
            return name == VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME;
        });
    return names;
}

Answer sees_cpu_caches(const Functions& functions, VkPhysicalDevice device) noexcept {
    if (devices_see_cpu_caches != Answer::unknown)
        return devices_see_cpu_caches; // the architecture's answer needs no driver's
    const auto [properties, drm] = properties_and_nodes(functions, device, extensions_of(functions, device));
    if (properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
        return Answer::yes;
    const bool renders = drm.hasRender;
    return renders || drm.hasPrimary
               ? hwalloc::sees_cpu_caches(
                     makedev(static_cast<unsigned>(renders ? drm.renderMajor : drm.primaryMajor),
                             static_cast<unsigned>(renders ? drm.renderMinor : drm.primaryMinor)))
               : devices_see_cpu_caches;
}

} // namespace detail

Result<std::vector<const char*>> device_extensions(VkPhysicalDevice physical_device,
                                                   PFN_vkGetInstanceProcAddr get_instance_proc_addr,
                                                   VkInstance instance) noexcept {
    return without_exceptions([&]() -> Result<std::vector<const char*>> {
        detail::Functions functions;
        if (!instance || !physical_device)
            return Error(ErrorKind::invalid, "a Vulkan handle is null");
        if (!functions.load_global(get_instance_proc_addr) || !functions.load_instance(instance))
            return Error(ErrorKind::unsupported, "the VkInstance lacks functions of Vulkan 1.1");
        return detail::wanted_extensions(functions, physical_device);
    });
}

} // namespace hwalloc::vulkan
