// The library's own VkInstance, and what the physical devices on it are.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/vulkan/functions.h"
#include "backends/vulkan/physical_device.h"
#include "common/fork_safe_mutex.h"
#include "common/without_exceptions.h"
#include "hwalloc/result.h"

namespace hwalloc::vulkan::detail {

struct Session;

class Instance {
public:
    // The one of this process, made at first use and kept: allocators of it live for ever. Threads that come
    // at the same time may each make one, and one is kept: no lock is held while Vulkan's loader, its layers
    // and drivers run, which load libraries and may wait for threads that use this one. Errors: unavailable
    // (no loader, no driver), exhausted.
    static Result<Instance*> get() noexcept;

    const std::vector<PhysicalDevice>& devices() const noexcept { return devices_; }
    // By index, node, part of the name, or "" for the first that takes dma-bufs, else the first. Error:
    // unavailable, naming what there is.
    Result<const PhysicalDevice*> choose(std::string_view which) const noexcept;
    // The open device, opened at first use and shared, and opened anew when it was lost; as get(), without a
    // lock. Errors: those of vkCreateDevice; invalid, in a child of fork() whose parent made the instance.
    Result<std::shared_ptr<Session>> session(const PhysicalDevice& device) noexcept;

    VkInstance handle() const noexcept { return handle_; }
    const Functions& functions() const noexcept { return functions_; }
    std::uint32_t api_version() const noexcept { return api_version_; }

private:
    friend std::default_delete<Instance>;
    Instance() = default;
    ~Instance(); // of one that could not be made to work
    Result<void> make();

    const std::uint32_t made_at_depth_ = fork_depth();
    Functions functions_;
    VkInstance handle_ = VK_NULL_HANDLE;
    std::uint32_t api_version_ = VK_API_VERSION_1_1;
    // The open device, null where there is none that works.
    std::shared_ptr<Session> opened(std::size_t position) noexcept;

    std::vector<PhysicalDevice> devices_;
    ForkSafeMutex mutex_;                            // of sessions_
    std::vector<std::shared_ptr<Session>> sessions_; // beside devices_; null: not open
};

} // namespace hwalloc::vulkan::detail
