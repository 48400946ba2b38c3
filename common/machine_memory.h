// How much memory the machine has, by /proc/meminfo.
#pragma once

#include <cstdint>

#include "hwalloc/result.h"

namespace hwalloc {

struct MachineMemory {
    std::uint64_t total = 0; // bytes of memory
    // That can be had now: the kernel's estimate, and the swap space that is free.
    std::uint64_t available = 0;
};

// Errors: what reading the file answers; unsupported, when it does not tell.
Result<MachineMemory> machine_memory() noexcept;

} // namespace hwalloc
