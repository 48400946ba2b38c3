#include "backends/vulkan/vma_memory.h"

#include <algorithm>

namespace hwalloc::vulkan::detail {
namespace {

VmaAllocationCreateInfo wishes(bool mapped) noexcept {
    VmaAllocationCreateInfo info{};
    info.flags = VMA_ALLOCATION_CREATE_STRATEGY_MIN_TIME_BIT;
    if (mapped) {
        info.flags |= VMA_ALLOCATION_CREATE_MAPPED_BIT;
        info.requiredFlags = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
        info.preferredFlags = VK_MEMORY_PROPERTY_HOST_CACHED_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    } else {
        info.requiredFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    }
    return info;
}

} // namespace

std::optional<std::uint32_t> type_by_vma(const Context& context, bool mapped) noexcept {
    const VmaAllocationCreateInfo info = wishes(mapped);
    std::uint32_t type = 0;
    if (vmaFindMemoryTypeIndex(context.vma, context.buffer_types, &info, &type) != VK_SUCCESS)
        return std::nullopt;
    return type;
}

namespace {

// VMA tells every failure as a lack of memory: what the driver answered this thread last, and whose driver it
// is.
struct Asked {
    const Context* context = nullptr;
    VkResult answer = VK_SUCCESS;
};
thread_local Asked asked;

VkResult VKAPI_CALL allocate_for_vma(VkDevice device, const VkMemoryAllocateInfo* info,
                                     const VkAllocationCallbacks* callbacks, VkDeviceMemory* memory) {
    asked.answer = asked.context->functions.AllocateMemory(device, info, callbacks, memory);
    return asked.answer;
}

} // namespace

VkResult allocate_by_vma(Context& context, bool mapped, VkDeviceSize bytes, VkDeviceSize alignment,
                         VmaAllocation& allocation, VmaAllocationInfo& got) noexcept {
    const VkMemoryRequirements needs{.size = bytes,
                                     .alignment = std::max(context.buffer_alignment, alignment),
                                     .memoryTypeBits = context.buffer_types};
    const VmaAllocationCreateInfo info = wishes(mapped);
    asked = {&context, VK_SUCCESS};
    const VkResult result = vmaAllocateMemory(context.vma, &needs, &info, &allocation, &got);
    if (!mapped)
        got.pMappedData = nullptr;
    return result != VK_SUCCESS && asked.answer == VK_ERROR_DEVICE_LOST ? asked.answer : result;
}

Result<void> create_vma(Context& context) noexcept {
    const Functions& functions = context.functions;
    const VmaVulkanFunctions table{
        .vkGetInstanceProcAddr = functions.GetInstanceProcAddr,
        .vkGetDeviceProcAddr = functions.GetDeviceProcAddr,
        .vkGetPhysicalDeviceProperties = functions.GetPhysicalDeviceProperties,
        .vkGetPhysicalDeviceMemoryProperties = functions.GetPhysicalDeviceMemoryProperties,
        .vkAllocateMemory = allocate_for_vma,
        .vkFreeMemory = functions.FreeMemory,
        .vkMapMemory = functions.MapMemory,
        .vkUnmapMemory = functions.UnmapMemory,
        .vkFlushMappedMemoryRanges = functions.FlushMappedMemoryRanges,
        .vkInvalidateMappedMemoryRanges = functions.InvalidateMappedMemoryRanges,
        .vkBindBufferMemory = functions.BindBufferMemory,
        .vkBindImageMemory = functions.BindImageMemory,
        .vkGetBufferMemoryRequirements = functions.GetBufferMemoryRequirements,
        .vkGetImageMemoryRequirements = functions.GetImageMemoryRequirements,
        .vkCreateBuffer = functions.CreateBuffer,
        .vkDestroyBuffer = functions.DestroyBuffer,
        .vkCreateImage = functions.CreateImage,
        .vkDestroyImage = functions.DestroyImage,
        .vkCmdCopyBuffer = functions.CmdCopyBuffer,
        .vkGetBufferMemoryRequirements2KHR = functions.GetBufferMemoryRequirements2,
        .vkGetImageMemoryRequirements2KHR = functions.GetImageMemoryRequirements2,
        .vkBindBufferMemory2KHR = functions.BindBufferMemory2,
        .vkBindImageMemory2KHR = functions.BindImageMemory2,
        .vkGetPhysicalDeviceMemoryProperties2KHR = functions.GetPhysicalDeviceMemoryProperties2,
        .vkGetDeviceBufferMemoryRequirements = nullptr,
        .vkGetDeviceImageMemoryRequirements = nullptr,
        .vkGetMemoryWin32HandleKHR = nullptr};
    // Without VK_EXT_memory_budget: VMA would ask the driver again at every 30th piece, which costs system
    // calls. Context::heap_statistics() asks for itself.
    VmaAllocatorCreateInfo info{};
    info.physicalDevice = context.physical_device;
    info.device = context.device;
    info.instance = context.instance;
    info.pVulkanFunctions = &table;
    info.vulkanApiVersion = VK_API_VERSION_1_1;
    if (const VkResult result = vmaCreateAllocator(&info, &context.vma); result != VK_SUCCESS)
        return context.refused(result, "setting up suballocation", "vmaCreateAllocator");
    return {};
}

} // namespace hwalloc::vulkan::detail
