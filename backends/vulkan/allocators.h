// The allocators of this backend: one for each placement of memory on a device.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "backends/vulkan/instance.h"
#include "backends/vulkan/memory.h"
#include "backends/vulkan/session.h"
#include "common/fork_safe_mutex.h"
#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"

namespace hwalloc::vulkan::detail {

// Where an allocator gets its device: open already, or opened when it is first needed, and again when that
// one was lost. Lost devices stay as long as the allocator, because memory of theirs may be there still,
// which refers to them by the allocator alone.
class DeviceSource {
public:
    explicit DeviceSource(std::shared_ptr<Session> open) noexcept
        : open_(std::move(open)), ready_(open_.get()) {}
    DeviceSource(Instance& instance, const PhysicalDevice& device) noexcept
        : instance_(&instance), device_(&device) {}

    Result<Session*> get() noexcept {
        Session* session = ready_.load(std::memory_order_acquire);
        if (session && !session->lost() && session->of_this_process()) [[likely]]
            return session;
        return open();
    }
    Result<std::shared_ptr<Session>> shared() noexcept;
    // Null when nobody needed the device so far: whoever only wants to know opens no GPU.
    Session* opened() const noexcept { return ready_.load(std::memory_order_acquire); }
    const PhysicalDevice* device() const noexcept { return device_; }

private:
    Result<Session*> open() noexcept;

    Instance* instance_ = nullptr; // null: the device is an application's, which alone can open it anew
    const PhysicalDevice* device_ = nullptr;
    ForkSafeMutex mutex_;
    std::shared_ptr<Session> open_;
    std::vector<std::shared_ptr<Session>> lost_;
    std::atomic<Session*> ready_{nullptr};
};

// What all allocators of the family share.
class VulkanAllocator : public Allocator, public Describes, public OnVulkanDevice {
public:
    Result<std::shared_ptr<Session>> session() noexcept override { return source_.shared(); }
    Result<void> available() noexcept override;

protected:
    template<class... Source>
    explicit VulkanAllocator(Source&&... source) noexcept
        : Allocator("vulkan"), source_(std::forward<Source>(source)...) {}
    void* do_extension(std::string_view id) noexcept override;
    // Why this allocator cannot work on a device that is open; nothing when it can.
    virtual Result<void> usable(const Session& session) const noexcept = 0;

    DeviceSource source_;
};

// An allocator on an open device, and one that opens its device when it is needed. Errors: unsupported,
// exhausted.
Result<AllocatorRef> make_allocator(std::shared_ptr<Session> session, Placement placement) noexcept;
Result<AllocatorRef> make_allocator(Instance& instance, const PhysicalDevice& device,
                                    Placement placement) noexcept;

// For the placements' own files.
AllocatorRef new_exporter(std::shared_ptr<Session> session);
AllocatorRef new_exporter(Instance& instance, const PhysicalDevice& device);
AllocatorRef new_suballocator(std::shared_ptr<Session> session, bool mapped);
AllocatorRef new_suballocator(Instance& instance, const PhysicalDevice& device, bool mapped);

// Whether a request fits the driver's limits: an error when not.
Result<void> check_size(const Session& session, std::uint64_t bytes) noexcept;

} // namespace hwalloc::vulkan::detail
