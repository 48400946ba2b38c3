#include "gpu.h"

#include <optional>
#include <string>

namespace bench {
namespace {

using hwalloc::Allocator;
using hwalloc::Result;

template<class Function>
Function driver_function(VkInstance instance, VkDevice device, const char* name) {
    const auto get =
        reinterpret_cast<PFN_vkGetDeviceProcAddr>(vkGetInstanceProcAddr(instance, "vkGetDeviceProcAddr"));
    return reinterpret_cast<Function>(get(device, name));
}

Result<Gpu> open() {
    auto host = Allocator::resolve("vulkan/0/host");
    if (!host)
        return std::move(host).error();
    auto device_local = Allocator::resolve("vulkan/0/device-local");
    if (!device_local)
        return std::move(device_local).error();
    auto device = hwalloc::vulkan::Device::of(**host);
    if (!device)
        return std::move(device).error();
    Gpu gpu{.host = *host, .device_local = *device_local, .device = *std::move(device)};
    const VkInstance instance = gpu.device.instance();
    gpu.allocate_memory = driver_function<PFN_vkAllocateMemory>(instance, gpu.handle(), "vkAllocateMemory");
    gpu.free_memory = driver_function<PFN_vkFreeMemory>(instance, gpu.handle(), "vkFreeMemory");
    gpu.map_memory = driver_function<PFN_vkMapMemory>(instance, gpu.handle(), "vkMapMemory");
    gpu.unmap_memory = driver_function<PFN_vkUnmapMemory>(instance, gpu.handle(), "vkUnmapMemory");

    VmaVulkanFunctions functions{};
    functions.vkGetInstanceProcAddr = vkGetInstanceProcAddr;
    functions.vkGetDeviceProcAddr =
        reinterpret_cast<PFN_vkGetDeviceProcAddr>(vkGetInstanceProcAddr(instance, "vkGetDeviceProcAddr"));
    VmaAllocatorCreateInfo info{};
    info.instance = instance;
    info.physicalDevice = gpu.device.physical_device();
    info.device = gpu.handle();
    info.pVulkanFunctions = &functions;
    info.vulkanApiVersion = VK_API_VERSION_1_1;
    if (vmaCreateAllocator(&info, &gpu.vma) != VK_SUCCESS)
        return hwalloc::Error(hwalloc::ErrorKind::unsupported, "vmaCreateAllocator failed");

    const VkBufferCreateInfo buffer = buffer_info(4096);
    for (const bool mapped : {true, false}) {
        const VmaAllocationCreateInfo allocation = wanted(mapped);
        if (vmaFindMemoryTypeIndexForBufferInfo(gpu.vma, &buffer, &allocation,
                                                mapped ? &gpu.host_type : &gpu.device_type) != VK_SUCCESS)
            return hwalloc::Error(hwalloc::ErrorKind::unsupported, "there is no memory type for buffers");
    }
    VkBuffer probe = VK_NULL_HANDLE;
    if (vkCreateBuffer(gpu.handle(), &buffer, nullptr, &probe) != VK_SUCCESS)
        return hwalloc::Error(hwalloc::ErrorKind::unsupported, "vkCreateBuffer failed");
    vkGetBufferMemoryRequirements(gpu.handle(), probe, &gpu.needs);
    vkDestroyBuffer(gpu.handle(), probe, nullptr);
    return gpu;
}

} // namespace

const Gpu* gpu(benchmark::State& state) {
    static const Result<Gpu> opened = open();
    if (opened)
        return &*opened;
    fail(state, opened.error());
    return nullptr;
}

} // namespace bench
