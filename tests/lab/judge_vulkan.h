// What judge_plan tries memory with on a GPU: Vulkan by its loader, and nothing of the library.
#pragma once

#include "judge_devices.h"

#ifdef JUDGE_VULKAN
#include <sys/stat.h>
#include <vulkan/vulkan.h>
#endif

namespace judge {

#ifdef JUDGE_VULKAN

inline Answer failed(const char* call, VkResult result) {
    switch (result) {
    case VK_ERROR_INVALID_EXTERNAL_HANDLE:
        return {.call = call, .result = "VK_ERROR_INVALID_EXTERNAL_HANDLE"};
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return {.call = call, .result = "VK_ERROR_OUT_OF_DEVICE_MEMORY"};
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return {.call = call, .result = "VK_ERROR_OUT_OF_HOST_MEMORY"};
    case VK_ERROR_EXTENSION_NOT_PRESENT:
        return {.call = call, .result = "VK_ERROR_EXTENSION_NOT_PRESENT"};
    default:
        return {.call = call, .result = "VkResult " + std::to_string(result)};
    }
}

// One device, with buffers for transfers and shaders, as frames are read and written. Lives as long as the
// process.
class Gpu {
public:
    Answer open(std::uint32_t number) {
        const VkApplicationInfo about{.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                      .apiVersion = VK_API_VERSION_1_1};
        const VkInstanceCreateInfo instance_info{.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                                 .pApplicationInfo = &about};
        VkInstance instance = VK_NULL_HANDLE;
        if (const VkResult result = vkCreateInstance(&instance_info, nullptr, &instance))
            return failed("vkCreateInstance", result);
        std::uint32_t count = 0;
        vkEnumeratePhysicalDevices(instance, &count, nullptr);
        std::vector<VkPhysicalDevice> devices(count);
        vkEnumeratePhysicalDevices(instance, &count, devices.data());
        if (number >= count)
            return {.call = "vkEnumeratePhysicalDevices", .result = "there are " + std::to_string(count)};
        vkGetPhysicalDeviceMemoryProperties(devices[number], &memory_);
        const float priority = 1;
        const VkDeviceQueueCreateInfo queue{.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                            .queueCount = 1,
                                            .pQueuePriorities = &priority};
        const char* const extensions[] = {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                                          VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME};
        const VkDeviceCreateInfo info{.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                      .queueCreateInfoCount = 1,
                                      .pQueueCreateInfos = &queue,
                                      .enabledExtensionCount = 2,
                                      .ppEnabledExtensionNames = extensions};
        if (const VkResult result = vkCreateDevice(devices[number], &info, nullptr, &device_))
            return failed("vkCreateDevice", result);
        get_properties_ = reinterpret_cast<PFN_vkGetMemoryFdPropertiesKHR>(
            vkGetDeviceProcAddr(device_, "vkGetMemoryFdPropertiesKHR"));
        get_fd_ = reinterpret_cast<PFN_vkGetMemoryFdKHR>(vkGetDeviceProcAddr(device_, "vkGetMemoryFdKHR"));
        return {};
    }

    // Imported, bound to a VkBuffer of the image's size, and both undone.
    Answer take(int dma_buf, std::uint64_t size) const {
        VkMemoryFdPropertiesKHR can{.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
        if (const VkResult result = get_properties_(device_, type, dma_buf, &can))
            return failed("vkGetMemoryFdPropertiesKHR", result);
        VkBuffer buffer = VK_NULL_HANDLE;
        VkMemoryRequirements needs{};
        if (const Answer answer = make_buffer(size, buffer, needs); answer.call)
            return answer;
        Answer answer;
        const std::uint32_t types = can.memoryTypeBits & needs.memoryTypeBits;
        if (types == 0)
            answer = {.call = "vkGetMemoryFdPropertiesKHR", .result = "no memory type fits both"};
        else if (static_cast<off_t>(needs.size) > ::lseek(dma_buf, 0, SEEK_END))
            answer = {.call = "vkGetBufferMemoryRequirements", .result = "it needs more than there is"};
        else
            answer = import(dma_buf, buffer, needs.size, types);
        vkDestroyBuffer(device_, buffer, nullptr);
        return answer;
    }

    // Memory of the device that the CPU sees too, exported.
    Answer make(std::uint64_t size, Buffer& made) const {
        VkBuffer buffer = VK_NULL_HANDLE;
        VkMemoryRequirements needs{};
        if (const Answer answer = make_buffer(size, buffer, needs); answer.call)
            return answer;
        std::uint32_t index = 0;
        while (index < memory_.memoryTypeCount &&
               !((needs.memoryTypeBits >> index & 1) != 0 &&
                 (memory_.memoryTypes[index].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) != 0))
            ++index;
        const VkMemoryDedicatedAllocateInfo alone{.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                  .buffer = buffer};
        const VkExportMemoryAllocateInfo shared{
            .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO, .pNext = &alone, .handleTypes = type};
        const VkMemoryAllocateInfo info{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                        .pNext = &shared,
                                        .allocationSize = needs.size,
                                        .memoryTypeIndex = index};
        VkDeviceMemory memory = VK_NULL_HANDLE;
        Answer answer;
        if (index == memory_.memoryTypeCount) {
            answer = {.call = "vkGetBufferMemoryRequirements", .result = "no memory type does"};
        } else if (const VkResult result = vkAllocateMemory(device_, &info, nullptr, &memory)) {
            answer = failed("vkAllocateMemory", result);
        } else {
            const VkMemoryGetFdInfoKHR question{
                .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR, .memory = memory, .handleType = type};
            int fd = -1;
            if (const VkResult refused = get_fd_(device_, &question, &fd))
                answer = failed("vkGetMemoryFdKHR", refused);
            else
                made.fd = Fd(fd);
        }
        vkFreeMemory(device_, memory, nullptr);
        vkDestroyBuffer(device_, buffer, nullptr);
        return answer;
    }

private:
    static constexpr VkExternalMemoryHandleTypeFlagBits type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

    Answer make_buffer(std::uint64_t size, VkBuffer& buffer, VkMemoryRequirements& needs) const {
        const VkExternalMemoryBufferCreateInfo outside{
            .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = type};
        const VkBufferCreateInfo info{.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                      .pNext = &outside,
                                      .size = size,
                                      .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                               VK_BUFFER_USAGE_TRANSFER_DST_BIT |
                                               VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
        if (const VkResult result = vkCreateBuffer(device_, &info, nullptr, &buffer))
            return failed("vkCreateBuffer", result);
        vkGetBufferMemoryRequirements(device_, buffer, &needs);
        return {};
    }

    Answer import(int dma_buf, VkBuffer buffer, VkDeviceSize size, std::uint32_t types) const {
        const int fd = ::fcntl(dma_buf, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return failed("fcntl(F_DUPFD_CLOEXEC)");
        std::uint32_t index = 0;
        while ((types >> index & 1) == 0)
            ++index;
        const VkMemoryDedicatedAllocateInfo alone{.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                  .buffer = buffer};
        const VkImportMemoryFdInfoKHR from{.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
                                           .pNext = &alone,
                                           .handleType = type,
                                           .fd = fd};
        const VkMemoryAllocateInfo info{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                        .pNext = &from,
                                        .allocationSize = size,
                                        .memoryTypeIndex = index};
        VkDeviceMemory memory = VK_NULL_HANDLE;
        if (const VkResult result = vkAllocateMemory(device_, &info, nullptr, &memory)) {
            // Who owns the descriptor after a refusal depends on the driver (lavapipe closes it): it is
            // closed if it still is what it was.
            struct stat theirs {
            }, ours{};
            if (::fstat(fd, &theirs) == 0 && ::fstat(dma_buf, &ours) == 0 && theirs.st_ino == ours.st_ino)
                ::close(fd);
            return failed("vkAllocateMemory", result);
        }
        const VkResult bound = vkBindBufferMemory(device_, buffer, memory, 0);
        vkFreeMemory(device_, memory, nullptr);
        return bound ? failed("vkBindBufferMemory", bound) : Answer{};
    }

    VkDevice device_ = VK_NULL_HANDLE;
    VkPhysicalDeviceMemoryProperties memory_{};
    PFN_vkGetMemoryFdPropertiesKHR get_properties_ = nullptr;
    PFN_vkGetMemoryFdKHR get_fd_ = nullptr;
};

#else

class Gpu {
public:
    Answer open(std::uint32_t) { return none(); }
    Answer take(int, std::uint64_t) const { return none(); }
    Answer make(std::uint64_t, Buffer&) const { return none(); }

private:
    static Answer none() {
        return {.call = "vkCreateInstance", .error = ENOSYS, .result = "judge_plan was built without Vulkan"};
    }
};

#endif

} // namespace judge
