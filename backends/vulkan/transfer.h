// Work for the GPU that the library does by itself: zeroing and copying what the CPU cannot, or only slowly.
#pragma once

#include "backends/vulkan/bindings.h"
#include "backends/vulkan/context.h"
#include "common/fork_safe_mutex.h"

namespace hwalloc::vulkan::detail {

// One command buffer and one fence, used for one piece of work at a time; each call returns when the GPU is
// done. Thread-safe.
class Transfer {
public:
    explicit Transfer(Context& context) noexcept : context_(context) {}
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    Result<void> prepare() noexcept;
    // Zeroes all of a fresh buffer, and releases it to its next owner where it is foreign.
    Result<void> zero(const BufferBinding& buffer) noexcept;
    Result<void> copy(const BufferWindow& from, const BufferWindow& to, VkDeviceSize size) noexcept;

private:
    template<class Record>
    Result<void> run(Record&& record) noexcept;

    Context& context_;
    ForkSafeMutex mutex_{ForkSafeMutex::Held::across_waits};
    VkCommandPool pool_ = VK_NULL_HANDLE;
    VkCommandBuffer commands_ = VK_NULL_HANDLE;
    VkFence fence_ = VK_NULL_HANDLE;
    bool fence_used_ = false; // it has to be reset
};

// The two ends of a use of `buffer` on `context`'s queue.
VkBufferMemoryBarrier acquire_from(const Context& context, const BufferBinding& buffer,
                                   VkAccessFlags access) noexcept;
VkBufferMemoryBarrier release_to(const Context& context, const BufferBinding& buffer,
                                 VkAccessFlags access) noexcept;
// Of `image`, which is in `layout` in between.
VkImageMemoryBarrier acquire_from(const Context& context, const ImageBinding& image, VkAccessFlags access,
                                  VkImageLayout layout) noexcept;
VkImageMemoryBarrier release_to(const Context& context, const ImageBinding& image, VkAccessFlags access,
                                VkImageLayout layout) noexcept;
VkImageMemoryBarrier take_fresh(const ImageBinding& image, VkAccessFlags access,
                                VkImageLayout layout) noexcept;

} // namespace hwalloc::vulkan::detail
