// The CPU's use of mapped memory that is not coherent (Vulkan, "Host Access to Device Memory Objects").
#pragma once

#include "backends/vulkan/context.h"
#include "common/fork_safe_mutex.h"
#include "hwalloc/flags.h"

namespace hwalloc::vulkan::detail {

// Of one block. The callables flush or invalidate and return a VkResult; they are called under a lock.
// Thread-safe.
class HostAccess {
public:
    // `flush_all`: all of the block, where invalidating may throw away what another map has written.
    template<class FlushAll, class Invalidate>
    Result<void> begin(const Context& context, MapFlags access, FlushAll&& flush_all,
                       Invalidate&& invalidate) noexcept {
        if (auto own = context.check_process(); !own)
            return own;
        const std::lock_guard guard(mutex_);
        if (has(access, MapFlags::read)) {
            if (writers_ > 0)
                if (const VkResult flushed = flush_all(); flushed != VK_SUCCESS)
                    return context.refused(flushed, "beginning CPU access", "vkFlushMappedMemoryRanges");
            if (const VkResult invalidated = invalidate(); invalidated != VK_SUCCESS)
                return context.refused(invalidated, "beginning CPU access", "vkInvalidateMappedMemoryRanges");
        }
        writers_ += has(access, MapFlags::write) ? 1u : 0u;
        return {};
    }
    // `flush`: what may have been written.
    template<class Flush>
    Result<void> end(const Context& context, MapFlags access, Flush&& flush) noexcept {
        if (!has(access, MapFlags::write))
            return {};
        if (auto own = context.check_process(); !own)
            return own; // it was begun by the parent, who flushes
        const std::lock_guard guard(mutex_);
        --writers_;
        if (const VkResult flushed = flush(); flushed != VK_SUCCESS)
            return context.refused(flushed, "ending CPU access", "vkFlushMappedMemoryRanges");
        return {};
    }

private:
    ForkSafeMutex mutex_{ForkSafeMutex::Held::across_waits};
    std::uint32_t writers_ = 0; // maps for writing that have not ended
};

} // namespace hwalloc::vulkan::detail
