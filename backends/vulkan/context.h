// An open VkDevice: its handles, what it can do, and what it tells. Who owns it is a Session.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "backends/vulkan/functions.h"
#include "common/fork_safe_mutex.h"
#include "common/without_exceptions.h"
#include "hwalloc/vulkan.h"

VK_DEFINE_HANDLE(VmaAllocator)

namespace hwalloc::vulkan::detail {

inline constexpr auto dma_buf_type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

// What a driver says about dma-bufs of a buffer with buffer_usage.
struct ExternalBuffers {
    bool exportable = false, importable = false, dedicated_only = false;
};

// Made as a Session alone: whoever keeps it keeps the whole of that.
struct Context : std::enable_shared_from_this<Context> {
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    // A refusal by this device, with its name.
    Error refused(VkResult result, const char* doing, const char* call) const noexcept;
    // The same for a call that wanted memory: what is in use and what there is goes with it. `wanted`: bytes.
    Error no_memory(VkResult result, const char* doing, const char* call,
                    std::uint64_t wanted) const noexcept;
    // The memory type among `bits` that is best to map (visible, cached, coherent, device-local, in this
    // order of weight); one that the CPU cannot see is taken only when there is no other. -1: `bits` is
    // empty.
    int mappable_type(std::uint32_t bits) const noexcept;
    VkMemoryPropertyFlags flags_of(std::uint32_t type) const noexcept {
        return memory.memoryTypes[type].propertyFlags;
    }
    // A VkBuffer with buffer_usage, shared as dma-buf when `with_dma_buf`. The caller destroys it.
    Result<VkBuffer> create_buffer(VkDeviceSize size, bool with_dma_buf) const noexcept;
    // Bytes of memory that a VkBuffer of this size needs, with buffer_usage. Asks the driver where it pads
    // buffers. Errors: limit, those of vkCreateBuffer.
    Result<VkDeviceSize> buffer_needs(VkDeviceSize size, bool with_dma_buf) const noexcept;
    std::unique_lock<std::mutex> lock_queue() const { return std::unique_lock(*queue_mutex); }
    // What its heaps hold; what is given out of slabs is told as whole chunks. May throw std::bad_alloc.
    std::vector<HeapStatistics> heap_statistics() const;

    // False in a child of fork() whose parent opened the device. Nothing of Vulkan is called there, not even
    // to destroy what there is: all of it is the parent's, and the driver's threads exist in the parent only.
    bool of_this_process() const noexcept { return fork_depth() == opened_at_depth_; }
    // Error: invalid, where it is not of this process.
    Result<void> check_process() const noexcept;

    Functions functions;
    VkInstance instance = VK_NULL_HANDLE;
    VkPhysicalDevice physical_device = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    bool owned = false; // the VkDevice is the library's
    std::uint32_t api_version = VK_API_VERSION_1_1;
    VkQueue queue = VK_NULL_HANDLE;
    std::uint32_t queue_family = 0;
    mutable std::mutex own_queue_mutex;
    std::mutex* queue_mutex = &own_queue_mutex;

    // A call was answered with VK_ERROR_DEVICE_LOST: nothing will work again (Vulkan, "Lost Device") but
    // releasing what there is. Set by refused().
    bool lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

    std::string name, index;
    VkPhysicalDeviceLimits limits{};
    VkPhysicalDeviceMemoryProperties memory{};
    VkDeviceSize max_allocation = 0;
    bool has_dma_buf = false, has_modifiers = false, has_foreign = false, has_budget = false;
    bool has_format_list = false; // VkImageFormatListCreateInfo
    Features enabled_features;    // of the VkDevice
    ExternalBuffers external;
    // Of every VkBuffer with buffer_usage (Vulkan, vkGetBufferMemoryRequirements: both are the same for all
    // sizes).
    std::uint32_t buffer_types = 0;
    VkDeviceSize buffer_alignment = 1;
    bool rounds_buffers = false; // a buffer may need more bytes than it was made for
    bool pads_buffers = false;   // ... even where its size is a multiple of its alignment

    VmaAllocator vma = nullptr;
    // VkDeviceMemory beside VMA's, for statistics: dedicated exports by heap, and imports.
    struct Counter {
        std::atomic<std::uint64_t> bytes{0};
        std::atomic<std::uint32_t> count{0};
    };
    Counter exported[VK_MAX_MEMORY_HEAPS];
    Counter imported;

protected:
    Context() noexcept = default;
    ~Context();
    // Asks the driver for all of the above. `extensions`: enabled on the VkDevice.
    Result<void> examine(std::span<const char* const> extensions) noexcept;

private:
    Result<void> examine_buffers() noexcept;

    const std::uint32_t opened_at_depth_ = fork_depth();
    mutable std::atomic<bool> lost_{false};
};

} // namespace hwalloc::vulkan::detail
