// What a device's heaps hold, and what the error of an exhausted one tells.
#include <algorithm>
#include <new>

#include "backends/vulkan/context.h"
#include "backends/vulkan/vma.h"
#include "common/fixed_text.h"

namespace hwalloc::vulkan::detail {

std::vector<HeapStatistics> Context::heap_statistics() const {
    VmaBudget budgets[VK_MAX_MEMORY_HEAPS] = {};
    vmaGetHeapBudgets(vma, budgets);
    VkPhysicalDeviceMemoryBudgetPropertiesEXT reported{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    if (has_budget) {
        VkPhysicalDeviceMemoryProperties2 question{
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, .pNext = &reported};
        functions.GetPhysicalDeviceMemoryProperties2(physical_device, &question);
    }
    std::vector<HeapStatistics> heaps(memory.memoryHeapCount);
    for (std::uint32_t i = 0; i < memory.memoryHeapCount; ++i) {
        const VmaBudget& budget = budgets[i];
        const std::uint64_t beside = exported[i].bytes.load(std::memory_order_relaxed);
        // The driver counts all of it; VMA knows its own only, and takes a part of the heap for the budget.
        const bool known = reported.heapBudget[i] != 0;
        heaps[i] = {.index = i,
                    .device_local = (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0,
                    .size = memory.memoryHeaps[i].size,
                    .budget = known ? reported.heapBudget[i] : budget.budget,
                    .usage = known ? reported.heapUsage[i] : budget.usage + beside,
                    .allocated = budget.statistics.blockBytes + beside,
                    .device_memories =
                        budget.statistics.blockCount + exported[i].count.load(std::memory_order_relaxed),
                    .suballocated = budget.statistics.allocationBytes,
                    .suballocations = budget.statistics.allocationCount};
    }
    if (!heaps.empty()) {
        heaps[0].imported = imported.bytes.load(std::memory_order_relaxed);
        heaps[0].imports = imported.count.load(std::memory_order_relaxed);
    }
    return heaps;
}

Error Context::no_memory(VkResult result, const char* doing, const char* call,
                         std::uint64_t wanted) const noexcept {
    Error error = refused(result, doing, call).wanted(wanted);
    if (error.kind() != ErrorKind::exhausted || !error.remedy().empty())
        return error;
    auto known =
        without_exceptions([&]() -> Result<std::vector<HeapStatistics>> { return heap_statistics(); });
    if (!known)
        return error;
    FixedText story;
    for (const HeapStatistics& heap : *known) {
        constexpr std::uint64_t mib = 1 << 20;
        story.append(story.empty() ? "" : "; ")
            .append("heap ")
            .append(heap.index)
            .append(heap.device_local ? " (device-local): " : ": ")
            .append(heap.usage / mib)
            .append(" MiB of a budget of ")
            .append(heap.budget / mib)
            .append(" in use, ")
            .append(heap.allocated / mib)
            .append(" of them here in ")
            .append(heap.device_memories)
            .append(heap.device_memories == 1 ? " piece" : " pieces");
    }
    return std::move(error).remedy(story);
}

} // namespace hwalloc::vulkan::detail
