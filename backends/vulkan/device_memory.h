// A VkDeviceMemory of this library's own, beside those of the Vulkan Memory Allocator: dedicated ones that
// are exported, and imports.
#pragma once

#include <utility>

#include "backends/vulkan/session.h"

namespace hwalloc::vulkan::detail {

// Owns it and counts it in the session's statistics; move only.
class DeviceMemory {
public:
    DeviceMemory() noexcept = default;
    // Takes over memory of `bytes` that `counter` is to count.
    DeviceMemory(Session& session, VkDeviceMemory memory, std::uint64_t bytes,
                 Session::Counter& counter) noexcept
        : session_(&session), memory_(memory), bytes_(bytes), counter_(&counter) {
        counter.bytes.fetch_add(bytes, std::memory_order_relaxed);
        counter.count.fetch_add(1, std::memory_order_relaxed);
    }
    DeviceMemory(DeviceMemory&& other) noexcept
        : session_(std::exchange(other.session_, nullptr))
        , memory_(other.memory_)
        , bytes_(other.bytes_)
        , counter_(other.counter_) {}
    DeviceMemory& operator=(DeviceMemory&& other) noexcept {
        DeviceMemory old(std::move(other));
        std::swap(session_, old.session_);
        std::swap(memory_, old.memory_);
        std::swap(bytes_, old.bytes_);
        std::swap(counter_, old.counter_);
        return *this;
    }
    ~DeviceMemory() {
        if (!session_)
            return;
        session_->functions.FreeMemory(session_->device, memory_, nullptr); // unmaps, too
        counter_->bytes.fetch_sub(bytes_, std::memory_order_relaxed);
        counter_->count.fetch_sub(1, std::memory_order_relaxed);
    }

    VkDeviceMemory get() const noexcept { return session_ ? memory_ : VK_NULL_HANDLE; }
    std::uint64_t size() const noexcept { return bytes_; }

private:
    Session* session_ = nullptr;
    VkDeviceMemory memory_ = VK_NULL_HANDLE;
    std::uint64_t bytes_ = 0;
    Session::Counter* counter_ = nullptr;
};

// A VkBuffer or VkImage with one owner; move only. `Destroy`: the member of Functions that ends it.
template<class Handle, auto Destroy>
class Owned {
public:
    Owned() noexcept = default;
    Owned(Session& session, Handle handle) noexcept : session_(&session), handle_(handle) {}
    Owned(Owned&& other) noexcept
        : session_(std::exchange(other.session_, nullptr)), handle_(other.handle_) {}
    Owned& operator=(Owned&& other) noexcept {
        Owned old(std::move(other));
        std::swap(session_, old.session_);
        std::swap(handle_, old.handle_);
        return *this;
    }
    ~Owned() {
        if (session_)
            (session_->functions.*Destroy)(session_->device, handle_, nullptr);
    }
    Handle get() const noexcept { return session_ ? handle_ : VK_NULL_HANDLE; }

private:
    Session* session_ = nullptr;
    Handle handle_ = VK_NULL_HANDLE;
};
using OwnedBuffer = Owned<VkBuffer, &Functions::DestroyBuffer>;
using OwnedImage = Owned<VkImage, &Functions::DestroyImage>;

} // namespace hwalloc::vulkan::detail
