// Vulkan objects on memory, whoever owns them.
#pragma once

#include <memory>

#include <vulkan/vulkan_core.h>

#include "hwalloc/image_layout.h"

namespace hwalloc::vulkan::detail {

// A VkBuffer and what it is bound to; whoever owns them derives from it.
struct BufferBinding {
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    VkDeviceSize memory_offset = 0; // where the VkBuffer begins in it
    VkDeviceSize size = 0;          // of the VkBuffer, in bytes
    bool foreign = false;           // another device may write the bytes

    virtual ~BufferBinding() = default;
};

struct ImageBinding {
    VkImage image = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    VkFormat format = VK_FORMAT_UNDEFINED;
    VkExtent2D extent{};
    std::uint64_t modifier = 0;
    ImageLayout layout{};
    VkImageUsageFlags usage = 0;
    bool plane_views = false; // views of single planes may be made

    virtual ~ImageBinding() = default;
};

// A window on a VkBuffer: where it begins in it.
struct BufferWindow {
    std::shared_ptr<const BufferBinding> binding;
    VkDeviceSize offset = 0;
};

} // namespace hwalloc::vulkan::detail
