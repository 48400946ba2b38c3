// Map and unmap of memory of "vulkan/0/host", which stays mapped, beside what a program without us calls:
// VMA's map of the same piece, and the driver's of a VkDeviceMemory of its own. And the VkBuffer of a dma-buf
// that the device has imported already: what a frame costs after the first.
#include "gpu.h"

namespace {

void ours(benchmark::State& state) {
    const bench::Gpu* gpu = bench::gpu(state);
    if (!gpu)
        return;
    auto memory = gpu->host->alloc(bench::size_of(state));
    if (!memory)
        return bench::fail(state, memory.error());
    hwalloc::MapInfo info;
    for (auto _ : state) {
        if (!(*memory)->map(info, hwalloc::MapFlags::readwrite)) {
            state.SkipWithError("hwalloc does not map");
            break;
        }
        if (!(*memory)->unmap(info)) {
            state.SkipWithError("hwalloc does not unmap");
            break;
        }
    }
}

void by_vma(benchmark::State& state) {
    const bench::Gpu* gpu = bench::gpu(state);
    if (!gpu)
        return;
    VkMemoryRequirements needs = gpu->needs;
    needs.size = bench::size_of(state);
    const VmaAllocationCreateInfo wanted = bench::wanted(true);
    VmaAllocation piece;
    if (vmaAllocateMemory(gpu->vma, &needs, &wanted, &piece, nullptr) != VK_SUCCESS)
        return state.SkipWithError("VMA gives no memory");
    for (auto _ : state) {
        void* bytes;
        if (vmaMapMemory(gpu->vma, piece, &bytes) != VK_SUCCESS) {
            state.SkipWithError("VMA does not map");
            break;
        }
        benchmark::DoNotOptimize(bytes);
        vmaUnmapMemory(gpu->vma, piece);
    }
    vmaFreeMemory(gpu->vma, piece);
}

void by_driver(benchmark::State& state) {
    const bench::Gpu* gpu = bench::gpu(state);
    if (!gpu)
        return;
    VkMemoryAllocateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    info.allocationSize = bench::size_of(state);
    info.memoryTypeIndex = gpu->host_type;
    VkDeviceMemory piece;
    if (gpu->allocate_memory(gpu->handle(), &info, nullptr, &piece) != VK_SUCCESS)
        return state.SkipWithError("vkAllocateMemory failed");
    for (auto _ : state) {
        void* bytes;
        if (gpu->map_memory(gpu->handle(), piece, 0, VK_WHOLE_SIZE, 0, &bytes) != VK_SUCCESS) {
            state.SkipWithError("vkMapMemory failed");
            break;
        }
        benchmark::DoNotOptimize(bytes);
        gpu->unmap_memory(gpu->handle(), piece);
    }
    gpu->free_memory(gpu->handle(), piece, nullptr);
}

void imported_already(benchmark::State& state) {
    const bench::Gpu* gpu = bench::gpu(state);
    if (!gpu)
        return;
    auto allocator = hwalloc::Allocator::resolve("udmabuf");
    if (!allocator)
        return bench::fail(state, allocator.error());
    auto memory = (*allocator)->alloc(bench::size_of(state));
    if (!memory)
        return bench::fail(state, memory.error());
    hwalloc::vulkan::Device device = gpu->device;
    auto first = device.buffer(**memory);
    if (!first)
        return bench::fail(state, first.error());
    for (auto _ : state) {
        auto again = device.buffer(**memory);
        if (!again) {
            state.SkipWithError("the device does not know the dma-buf any more");
            break;
        }
        benchmark::DoNotOptimize(again->handle());
    }
}

BENCHMARK(ours)->Name("vulkan-map/ours")->Arg(4096);
BENCHMARK(by_vma)->Name("vulkan-map/vmaMapMemory")->Arg(4096);
BENCHMARK(by_driver)->Name("vulkan-map/vkMapMemory")->Arg(4096);
BENCHMARK(imported_already)->Name("vulkan-import-known/ours")->Arg(3110400);

} // namespace
