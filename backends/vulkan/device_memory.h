// A VkDeviceMemory of this library's own, beside those of the Vulkan Memory Allocator: dedicated ones that
// are exported, and imports.
#pragma once

#include <utility>

#include "backends/vulkan/context.h"

namespace hwalloc::vulkan::detail {

// Owns it and counts it in the context's statistics; move only.
class DeviceMemory {
public:
    DeviceMemory() noexcept = default;
    // Takes over memory of `bytes` that `counter` is to count.
    DeviceMemory(Context& context, VkDeviceMemory memory, std::uint64_t bytes,
                 Context::Counter& counter) noexcept
        : context_(&context), memory_(memory), bytes_(bytes), counter_(&counter) {
        counter.bytes.fetch_add(bytes, std::memory_order_relaxed);
        counter.count.fetch_add(1, std::memory_order_relaxed);
    }
    DeviceMemory(DeviceMemory&& other) noexcept
        : context_(std::exchange(other.context_, nullptr))
        , memory_(other.memory_)
        , bytes_(other.bytes_)
        , counter_(other.counter_) {}
    DeviceMemory& operator=(DeviceMemory&& other) noexcept {
        DeviceMemory old(std::move(other));
        std::swap(context_, old.context_);
        std::swap(memory_, old.memory_);
        std::swap(bytes_, old.bytes_);
        std::swap(counter_, old.counter_);
        return *this;
    }
    ~DeviceMemory() {
        if (!context_)
            return;
        if (context_->of_this_process())
            context_->functions.FreeMemory(context_->device, memory_, nullptr); // unmaps, too
        counter_->bytes.fetch_sub(bytes_, std::memory_order_relaxed);
        counter_->count.fetch_sub(1, std::memory_order_relaxed);
    }

    VkDeviceMemory get() const noexcept { return context_ ? memory_ : VK_NULL_HANDLE; }
    std::uint64_t size() const noexcept { return bytes_; }

private:
    Context* context_ = nullptr;
    VkDeviceMemory memory_ = VK_NULL_HANDLE;
    std::uint64_t bytes_ = 0;
    Context::Counter* counter_ = nullptr;
};

// A VkBuffer or VkImage with one owner; move only. `Destroy`: the member of Functions that ends it.
template<class Handle, auto Destroy>
class Owned {
public:
    Owned() noexcept = default;
    Owned(Context& context, Handle handle) noexcept : context_(&context), handle_(handle) {}
    Owned(Owned&& other) noexcept
        : context_(std::exchange(other.context_, nullptr)), handle_(other.handle_) {}
    Owned& operator=(Owned&& other) noexcept {
        Owned old(std::move(other));
        std::swap(context_, old.context_);
        std::swap(handle_, old.handle_);
        return *this;
    }
    ~Owned() {
        if (context_ && context_->of_this_process())
            (context_->functions.*Destroy)(context_->device, handle_, nullptr);
    }
    Handle get() const noexcept { return context_ ? handle_ : VK_NULL_HANDLE; }

private:
    Context* context_ = nullptr;
    Handle handle_ = VK_NULL_HANDLE;
};
using OwnedBuffer = Owned<VkBuffer, &Functions::DestroyBuffer>;
using OwnedImage = Owned<VkImage, &Functions::DestroyImage>;

} // namespace hwalloc::vulkan::detail
