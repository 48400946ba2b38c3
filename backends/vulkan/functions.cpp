#include "backends/vulkan/functions.h"

namespace hwalloc::vulkan::detail {

void (*on_functions_loaded)(Functions& functions) = nullptr;

bool Functions::load_global(PFN_vkGetInstanceProcAddr get) noexcept {
    // The one function that is taken from the loader by its symbol.
    GetInstanceProcAddr = get ? get : vkGetInstanceProcAddr;
    bool complete = true;
#define HWALLOC_VULKAN_LOAD(name)                                                                            \
    name = reinterpret_cast<PFN_vk##name>(GetInstanceProcAddr(VK_NULL_HANDLE, "vk" #name));                  \
    complete = complete && (name);
    HWALLOC_VULKAN_GLOBAL(HWALLOC_VULKAN_LOAD)
#undef HWALLOC_VULKAN_LOAD
    return complete;
}

bool Functions::load_instance(VkInstance instance) noexcept {
    bool complete = true;
#define HWALLOC_VULKAN_LOAD(name)                                                                            \
    name = reinterpret_cast<PFN_vk##name>(GetInstanceProcAddr(instance, "vk" #name));                        \
    complete = complete && (name);
    HWALLOC_VULKAN_INSTANCE(HWALLOC_VULKAN_LOAD)
#undef HWALLOC_VULKAN_LOAD
    if (complete && on_functions_loaded)
        on_functions_loaded(*this);
    return complete;
}

bool Functions::load_device(VkDevice device) noexcept {
    bool complete = true;
#define HWALLOC_VULKAN_LOAD(name)                                                                            \
    name = reinterpret_cast<PFN_vk##name>(GetDeviceProcAddr(device, "vk" #name));
#define HWALLOC_VULKAN_LOAD_NEEDED(name) HWALLOC_VULKAN_LOAD(name) complete = complete && (name);
    HWALLOC_VULKAN_DEVICE(HWALLOC_VULKAN_LOAD_NEEDED)
    HWALLOC_VULKAN_OPTIONAL(HWALLOC_VULKAN_LOAD)
#undef HWALLOC_VULKAN_LOAD_NEEDED
#undef HWALLOC_VULKAN_LOAD
    if (complete && on_functions_loaded)
        on_functions_loaded(*this);
    return complete;
}

} // namespace hwalloc::vulkan::detail
