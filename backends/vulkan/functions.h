// The table of Vulkan functions: every call of this library to a driver goes through one, so that a test can
// count them, make them fail, or change what a driver says of itself.
#pragma once

#include <vulkan/vulkan_core.h>

namespace hwalloc::vulkan::detail {

// clang-format off
// Of the loader, before there is a VkInstance.
#define HWALLOC_VULKAN_GLOBAL(X) \
    X(EnumerateInstanceVersion) X(CreateInstance)
// Of a VkInstance.
#define HWALLOC_VULKAN_INSTANCE(X) \
    X(DestroyInstance) X(EnumeratePhysicalDevices) X(EnumerateDeviceExtensionProperties) X(CreateDevice) \
    X(GetDeviceProcAddr) X(GetPhysicalDeviceProperties) X(GetPhysicalDeviceProperties2) \
    X(GetPhysicalDeviceFeatures2) X(GetPhysicalDeviceMemoryProperties) X(GetPhysicalDeviceMemoryProperties2) \
    X(GetPhysicalDeviceQueueFamilyProperties) X(GetPhysicalDeviceFormatProperties2) \
    X(GetPhysicalDeviceImageFormatProperties2) X(GetPhysicalDeviceExternalBufferProperties)
// Of a VkDevice of Vulkan 1.1.
#define HWALLOC_VULKAN_DEVICE(X) \
    X(DestroyDevice) X(GetDeviceQueue) X(AllocateMemory) X(FreeMemory) X(MapMemory) X(UnmapMemory) \
    X(FlushMappedMemoryRanges) X(InvalidateMappedMemoryRanges) X(BindBufferMemory) X(BindImageMemory) \
    X(BindBufferMemory2) X(BindImageMemory2) X(GetBufferMemoryRequirements) X(GetImageMemoryRequirements) \
    X(GetBufferMemoryRequirements2) X(GetImageMemoryRequirements2) X(CreateBuffer) X(DestroyBuffer) X(CreateImage) \
    X(DestroyImage) X(GetImageSubresourceLayout) X(CreateCommandPool) X(DestroyCommandPool) X(AllocateCommandBuffers) \
    X(BeginCommandBuffer) X(EndCommandBuffer) X(CmdCopyBuffer) X(CmdFillBuffer) X(CmdPipelineBarrier) X(QueueSubmit) \
    X(QueueWaitIdle) X(CreateSamplerYcbcrConversion) X(DestroySamplerYcbcrConversion) X(CreateFence) X(DestroyFence) X(ResetFences) X(WaitForFences)
// Of extensions; null where the VkDevice was made without them.
#define HWALLOC_VULKAN_OPTIONAL(X) \
    X(GetMemoryFdKHR) X(GetMemoryFdPropertiesKHR) X(GetImageDrmFormatModifierPropertiesEXT)
// clang-format on

struct Functions {
#define HWALLOC_VULKAN_MEMBER(name) PFN_vk##name name = nullptr;
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr = nullptr;
    HWALLOC_VULKAN_GLOBAL(HWALLOC_VULKAN_MEMBER)
    HWALLOC_VULKAN_INSTANCE(HWALLOC_VULKAN_MEMBER)
    HWALLOC_VULKAN_DEVICE(HWALLOC_VULKAN_MEMBER)
    HWALLOC_VULKAN_OPTIONAL(HWALLOC_VULKAN_MEMBER)
#undef HWALLOC_VULKAN_MEMBER

    // Each fills its part in; false when a function is missing that is not optional. `get` null: the loader
    // that this library is linked to.
    bool load_global(PFN_vkGetInstanceProcAddr get) noexcept;
    bool load_instance(VkInstance instance) noexcept;
    bool load_device(VkDevice device) noexcept;
};

// For tests: called with every table when it is complete, before it is used. Null otherwise.
extern void (*on_functions_loaded)(Functions& functions);

} // namespace hwalloc::vulkan::detail
