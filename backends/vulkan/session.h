// Who owns an open Vulkan device, and what the library keeps for it.
#pragma once

#include <memory>

#include "backends/vulkan/context.h"
#include "backends/vulkan/imports.h"
#include "backends/vulkan/physical_device.h"
#include "backends/vulkan/slabs.h"
#include "backends/vulkan/transfer.h"

namespace hwalloc::vulkan::detail {

struct Session final : Context {
    // A new VkDevice of the library's own. `instance` stays for ever.
    static Result<std::shared_ptr<Session>> open(const Functions& functions, VkInstance instance,
                                                 const PhysicalDevice& chosen) noexcept;
    static Result<std::shared_ptr<Session>> wrap(const Handles& handles) noexcept;
    Session() noexcept;
    ~Session();

    std::shared_ptr<Session> shared() { return std::static_pointer_cast<Session>(shared_from_this()); }
    // Context::heap_statistics(), with what is given out of slabs. May throw std::bad_alloc.
    std::vector<HeapStatistics> heaps() const;

    std::unique_ptr<Slabs> slabs[2]; // of vma's memory: the GPU's own, and what the CPU can map
    std::unique_ptr<Imports> imports;
    std::unique_ptr<Transfer> transfer; // null: no queue

private:
    Result<void> set_up(std::span<const char* const> extensions);
};

} // namespace hwalloc::vulkan::detail
