// Stands between the library and a Vulkan driver: counts what lives, remembers what was asked, makes the N-th
// call fail, and lets a test change what a driver says of itself. It patches every table of functions that is
// loaded while it lives (backends/vulkan/functions.h), so devices are wrapped after it is made.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "backends/vulkan/functions.h"

namespace hwalloc::vulkan::testing {

using detail::Functions;

// The structure of type `type` in a pNext chain, or null.
template<class T>
const T* find_in_chain(const void* next, VkStructureType type) {
    for (const auto* at = static_cast<const VkBaseInStructure*>(next); at; at = at->pNext)
        if (at->sType == type)
            return static_cast<const T*>(static_cast<const void*>(at));
    return nullptr;
}

// What one vkAllocateMemory asked for, and got.
struct Allocation {
    VkDeviceSize size = 0;
    std::uint32_t type = 0;
    bool exported = false;
    int import_fd = -1;
    bool dedicated = false;
    VkBuffer for_buffer = VK_NULL_HANDLE;
    VkImage for_image = VK_NULL_HANDLE;
    VkResult result = VK_SUCCESS;
};

// One at a time. Thread-safe.
class DriverWatch {
public:
    DriverWatch();
    ~DriverWatch();
    DriverWatch(const DriverWatch&) = delete;
    DriverWatch& operator=(const DriverWatch&) = delete;

    // The N-th call that can fail from here on, counted from 1, fails with `result` and leaves rubbish where
    // a handle would be (Vulkan, "Return Codes": the contents are undefined); 0: none does. Forgets what was
    // recorded.
    void fail_call(int n, VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY);
    // Every call of `name` ("vkBindBufferMemory") fails until the next fail_call().
    void fail_name(const std::string& name, VkResult result);
    void clear() { fail_call(0); }
    // The call that was made to fail; empty: none.
    std::string failed() const;
    int count(const std::string& name) const;

    // How many objects of each kind live, without those of which there is none: "VkBuffer", "VkImage",
    // "VkDeviceMemory", "mapped", "VkFence", "VkCommandPool".
    std::map<std::string, std::size_t> live() const;
    // What a driver need not survive: freeing what does not live, mapping twice, waiting for a fence that
    // nothing will signal, ...
    std::vector<std::string> faults() const;
    std::vector<Allocation> allocations() const { return copy_of(allocations_); }
    std::vector<VkMappedMemoryRange> flushed() const { return copy_of(flushed_); }
    std::vector<VkMappedMemoryRange> invalidated() const { return copy_of(invalidated_); }
    std::vector<VkImageCreateInfo> images() const { return copy_of(images_); }
    // Of every VkBuffer that was asked for.
    std::vector<VkDeviceSize> buffer_sizes() const { return copy_of(buffer_sizes_); }
    std::vector<VkBufferMemoryBarrier> buffer_barriers() const { return copy_of(buffer_barriers_); }
    // Bytes of a VkDeviceMemory that lives.
    VkDeviceSize size_of(VkDeviceMemory memory) const;

    // ---- what the driver says and does; set before devices are wrapped
    std::function<void(VkPhysicalDeviceProperties&)> properties;
    std::function<void(VkPhysicalDeviceMemoryProperties&)> memory_properties;
    std::function<void(VkPhysicalDeviceFeatures2&)> device_features;
    std::function<void(VkExternalBufferProperties&)> external_buffers;
    std::function<void(VkMemoryRequirements2&)> requirements;
    // Of a VkBuffer: bytes it needs, by the bytes it has.
    std::function<VkDeviceSize(VkDeviceSize)> buffer_needs;
    // Instead of the driver's own.
    std::function<VkResult(PFN_vkCreateBuffer, VkDevice, const VkBufferCreateInfo&, VkBuffer*)> create_buffer;
    std::function<VkResult(PFN_vkAllocateMemory, VkDevice, const VkMemoryAllocateInfo&, VkDeviceMemory*)>
        allocate;
    std::function<VkResult(PFN_vkCreateDevice, VkPhysicalDevice, const VkDeviceCreateInfo&, VkDevice*)>
        create_device;
    // Then the driver's own destroys none either.
    std::function<VkResult(const VkSamplerYcbcrConversionCreateInfo&, VkSamplerYcbcrConversion*)>
        create_conversion;
    std::function<VkResult(PFN_vkCreateImage, VkDevice, const VkImageCreateInfo&, VkImage*)> create_image;
    std::function<void(VkFormat, VkFormatProperties2&)> format_properties;
    std::function<VkResult(const VkPhysicalDeviceImageFormatInfo2&, VkImageFormatProperties2&)>
        image_format_properties;
    std::function<VkResult(VkImage, VkImageDrmFormatModifierPropertiesEXT&)> image_modifier;
    std::function<void(VkImage, const VkImageSubresource&, VkSubresourceLayout&)> subresource_layout;
    std::function<VkResult(VkDeviceMemory, int*)> get_fd;
    std::function<VkResult(int, VkMemoryFdPropertiesKHR*)> fd_properties;
    // Called before every call goes down, without any lock held.
    std::function<void(const char*)> on_call;

    // ---- for the thunks
    template<auto Member, class R, class... A>
    R pass(const char* name, A... arguments);
    static DriverWatch& active() { return *active_; }

private:
    static inline DriverWatch* active_ = nullptr;
    static void patch(Functions& functions);

    template<class T>
    std::vector<T> copy_of(const std::vector<T>& list) const {
        std::lock_guard guard(mutex_);
        return list;
    }
    // Records a call; what it is to fail with, or VK_SUCCESS.
    VkResult enter(const char* name, bool can_fail);
    void pad(VkBuffer buffer, VkMemoryRequirements& needs);
    void born(const char* kind, std::uint64_t handle);
    void gone(const char* kind, std::uint64_t handle);
    void fault(const std::string& text) { faults_.push_back(text); }
    template<auto Member, class R, class... A>
    R forward(A... arguments);
    template<auto Member, class... A>
    void done(VkResult result, A... arguments);

    Functions below_{};
    mutable std::mutex mutex_;
    int calls_ = 0, failing_ = 0;
    VkResult error_ = VK_SUCCESS;
    std::string failed_, failing_name_;
    std::map<std::string, int> counts_;
    std::map<std::string, std::set<std::uint64_t>> live_;
    std::map<std::uint64_t, VkDeviceSize> sizes_;
    std::set<std::uint64_t> submitted_; // fences that work will signal, or has signalled
    std::vector<std::string> faults_;
    std::vector<Allocation> allocations_;
    std::vector<VkMappedMemoryRange> flushed_, invalidated_;
    std::vector<VkImageCreateInfo> images_;
    std::vector<VkDeviceSize> buffer_sizes_;
    std::map<std::uint64_t, VkDeviceSize> bytes_of_; // of each VkBuffer
    std::vector<VkBufferMemoryBarrier> buffer_barriers_;
};

} // namespace hwalloc::vulkan::testing
