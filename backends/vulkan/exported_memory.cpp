#include "backends/vulkan/exported_memory.h"

#include <cstring>

#include "backends/vulkan/allocators.h"
#include "common/open_files.h"

namespace hwalloc::vulkan::detail {
namespace {

// Vulkan promises nothing about fresh memory, and this may leave the process.
Result<void> zero(Session& session, ExportedMemory& made) noexcept {
    if (made.mapped) {
        std::memset(made.mapped, 0, static_cast<std::size_t>(made.memory.size()));
        if (session.flags_of(made.type) & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
            return {};
        const VkMappedMemoryRange all{.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
                                      .memory = made.memory.get(),
                                      .offset = 0,
                                      .size = VK_WHOLE_SIZE};
        if (const VkResult result = session.functions.FlushMappedMemoryRanges(session.device, 1, &all);
            result != VK_SUCCESS)
            return session.refused(result, "zeroing memory", "vkFlushMappedMemoryRanges");
        return {};
    }
    if (!session.transfer || !made.buffer.get())
        return Error(ErrorKind::unsupported, "zeroing memory that the CPU does not see")
            .on(session.name)
            .remedy("memory that is shared must not show old bytes, and only a buffer of a device with a "
                    "queue can be "
                    "zeroed by the GPU");
    if (made.buffer_size < made.memory.size())
        return Error(ErrorKind::unsupported, "zeroing memory that the CPU does not see")
            .on(session.name)
            .wanted(made.memory.size())
            .held(made.buffer_size)
            .remedy("the driver pads buffers, and memory that is shared must not show old bytes beyond the "
                    "buffer: `vulkan/N/device-local` and `vulkan/N/host` work without a dma-buf");
    BufferBinding buffer;
    buffer.buffer = made.buffer.get();
    buffer.size = made.buffer_size;
    buffer.foreign = true; // from here on: somebody else may have its dma-buf
    return session.transfer->zero(buffer);
}

} // namespace

Result<void> export_memory(Session& session, ExportedMemory& made,
                           const VkMemoryRequirements& needs) noexcept {
    if (auto fits = check_size(session, needs.size); !fits)
        return fits;
    const int type = session.mappable_type(needs.memoryTypeBits);
    if (type < 0)
        return Error(ErrorKind::unsupported, "the driver has no memory type for exported memory")
            .on(session.name);
    made.type = static_cast<std::uint32_t>(type);
    const VkExportMemoryAllocateInfo shared{.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
                                            .handleTypes = dma_buf_type};
    const VkMemoryDedicatedAllocateInfo alone{.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                              .pNext = &shared,
                                              .image = made.image.get(),
                                              .buffer = made.buffer.get()};
    const VkMemoryAllocateInfo info{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                    .pNext = &alone,
                                    .allocationSize = needs.size,
                                    .memoryTypeIndex = made.type};
    VkDeviceMemory memory = VK_NULL_HANDLE;
    if (const VkResult result = session.functions.AllocateMemory(session.device, &info, nullptr, &memory);
        result != VK_SUCCESS)
        return session.no_memory(result, "allocating exported memory", "vkAllocateMemory(export)",
                                 needs.size);
    made.memory = DeviceMemory(session, memory, needs.size,
                               session.exported[session.memory.memoryTypes[made.type].heapIndex]);
    const VkResult bound =
        made.buffer.get() ? session.functions.BindBufferMemory(session.device, made.buffer.get(), memory, 0)
                          : session.functions.BindImageMemory(session.device, made.image.get(), memory, 0);
    if (bound != VK_SUCCESS)
        return session.refused(bound, "binding exported memory", "vkBindBufferMemory, vkBindImageMemory");
    if (session.flags_of(made.type) & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
        void* mapped = nullptr;
        if (const VkResult result =
                session.functions.MapMemory(session.device, memory, 0, VK_WHOLE_SIZE, 0, &mapped);
            result != VK_SUCCESS)
            return session.refused(result, "mapping exported memory", "vkMapMemory");
        made.mapped = static_cast<std::uint8_t*>(mapped);
    }
    const VkMemoryGetFdInfoKHR question{
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR, .memory = memory, .handleType = dma_buf_type};
    int number = -1;
    if (const VkResult result = session.functions.GetMemoryFdKHR(session.device, &question, &number);
        result != VK_SUCCESS)
        return session.refused(result, "exporting memory as dma-buf", "vkGetMemoryFdKHR");
    const UniqueFd fd(number);
    // Mesa's lavapipe says success where it could make no descriptor.
    if (number < 0) {
        const int answer = too_many_files();
        Error error = answer < 0
                          ? Error(ErrorKind::exhausted, -answer, "exporting memory as dma-buf")
                          : Error(ErrorKind::exhausted, "the driver exported memory and gave no descriptor");
        return with_open_files_remedy(std::move(error).on(session.name).call("vkGetMemoryFdKHR"), answer);
    }
    // Some drivers export for reading alone, and the size may be larger: so it is examined like a stranger's.
    auto dma_buf = DmaBuf::import(fd.get());
    if (!dma_buf)
        return std::move(dma_buf).error().on(session.name);
    if ((*dma_buf)->size() < needs.size)
        return Error(ErrorKind::incompatible, "the driver exported a dma-buf that is smaller than its memory")
            .on(session.name)
            .wanted(needs.size)
            .held((*dma_buf)->size());
    made.dma_buf = *std::move(dma_buf);
    return zero(session, made);
}

} // namespace hwalloc::vulkan::detail
