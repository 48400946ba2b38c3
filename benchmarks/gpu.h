// The Vulkan device that the rows share: the library's own, so that our allocators, bare calls and a second
// VMA work on one VkDevice.
#pragma once

#include <memory>

#include "bench.h"
#include "hwalloc/vulkan.h"
#include "vma.h"

namespace bench {

// Opened at first use, and open until the program ends.
struct Gpu {
    hwalloc::Allocator* host;
    hwalloc::Allocator* device_local;
    hwalloc::vulkan::Device device;
    // By hand: the driver's own functions, as a program has them that loads them for its VkDevice.
    PFN_vkAllocateMemory allocate_memory = nullptr;
    PFN_vkFreeMemory free_memory = nullptr;
    PFN_vkMapMemory map_memory = nullptr;
    PFN_vkUnmapMemory unmap_memory = nullptr;
    VmaAllocator vma = nullptr;
    VkMemoryRequirements needs{};                 // of a VkBuffer with hwalloc::vulkan::buffer_usage
    std::uint32_t host_type = 0, device_type = 0; // what VMA takes for the two placements

    VkDevice handle() const noexcept { return device.device(); }
};

// Null, and the benchmark ended with the reason, where there is no Vulkan.
const Gpu* gpu(benchmark::State& state);

// What VMA is asked for, by the library and by hand.
inline VmaAllocationCreateInfo wanted(bool host) noexcept {
    VmaAllocationCreateInfo info{};
    info.flags = VMA_ALLOCATION_CREATE_STRATEGY_MIN_TIME_BIT;
    if (host) {
        info.flags |= VMA_ALLOCATION_CREATE_MAPPED_BIT;
        info.requiredFlags = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
        info.preferredFlags = VK_MEMORY_PROPERTY_HOST_CACHED_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    } else {
        info.requiredFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    }
    return info;
}

inline VkBufferCreateInfo buffer_info(VkDeviceSize size) noexcept {
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.size = size;
    info.usage = hwalloc::vulkan::buffer_usage;
    return info;
}

} // namespace bench
