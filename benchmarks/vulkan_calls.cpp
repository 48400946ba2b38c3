// How many vkAllocateMemory many small pieces cost, counted outside the library: it is given a VkDevice whose
// functions count. The peer makes one call for each piece, by definition.
#include <atomic>
#include <cstring>
#include <vector>

#include "gpu.h"

namespace {

constexpr int pieces = 4096;

std::atomic<std::uint64_t> calls{0};
PFN_vkAllocateMemory real_allocate = nullptr;
PFN_vkGetDeviceProcAddr real_get = nullptr;

VKAPI_ATTR VkResult VKAPI_CALL counting_allocate(VkDevice device, const VkMemoryAllocateInfo* info,
                                                 const VkAllocationCallbacks* callbacks,
                                                 VkDeviceMemory* memory) {
    calls.fetch_add(1, std::memory_order_relaxed);
    return real_allocate(device, info, callbacks, memory);
}
VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function(VkDevice device, const char* name) {
    if (std::strcmp(name, "vkAllocateMemory") == 0)
        return reinterpret_cast<PFN_vkVoidFunction>(counting_allocate);
    return real_get(device, name);
}
VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_function(VkInstance instance, const char* name) {
    if (std::strcmp(name, "vkGetDeviceProcAddr") == 0)
        return reinterpret_cast<PFN_vkVoidFunction>(device_function);
    return vkGetInstanceProcAddr(instance, name);
}

hwalloc::Result<double> count(const bench::Gpu& gpu, hwalloc::vulkan::Placement placement) {
    real_allocate = gpu.allocate_memory;
    real_get = reinterpret_cast<PFN_vkGetDeviceProcAddr>(
        vkGetInstanceProcAddr(gpu.device.instance(), "vkGetDeviceProcAddr"));
    hwalloc::vulkan::Handles handles;
    handles.instance = gpu.device.instance();
    handles.physical_device = gpu.device.physical_device();
    handles.device = gpu.handle();
    handles.get_instance_proc_addr = instance_function;
    auto device = hwalloc::vulkan::Device::wrap(handles);
    if (!device)
        return std::move(device).error();
    auto allocator = device->allocator(placement);
    if (!allocator)
        return std::move(allocator).error();
    calls = 0;
    std::vector<hwalloc::MemoryRef> alive;
    for (std::size_t i = 0; i < pieces; ++i) {
        auto memory = (*allocator)->alloc(64 + i % 64 * 64);
        if (!memory)
            return std::move(memory).error();
        alive.push_back(*std::move(memory));
    }
    return static_cast<double>(calls.load());
}

template<hwalloc::vulkan::Placement placement>
void ours(benchmark::State& state) {
    const bench::Gpu* gpu = bench::gpu(state);
    if (!gpu)
        return;
    for (auto _ : state) {
        auto counted = count(*gpu, placement);
        if (!counted)
            return bench::fail(state, counted.error());
        state.counters["calls"] = *counted;
    }
}

void peer(benchmark::State& state) {
    for (auto _ : state)
        state.counters["calls"] = pieces;
}

BENCHMARK(ours<hwalloc::vulkan::Placement::host>)->Name("vulkan-host-calls/ours")->Arg(0)->Iterations(1);
BENCHMARK(peer)->Name("vulkan-host-calls/vkAllocateMemory")->Arg(0)->Iterations(1);
BENCHMARK(ours<hwalloc::vulkan::Placement::device_local>)
    ->Name("vulkan-device-local-calls/ours")
    ->Arg(0)
    ->Iterations(1);
BENCHMARK(peer)->Name("vulkan-device-local-calls/vkAllocateMemory")->Arg(0)->Iterations(1);

} // namespace
