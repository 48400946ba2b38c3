// How much memory the machine has, by /proc/meminfo.
#pragma once

#include <cstdint>

#include "hwalloc/result.h"

namespace hwalloc {

struct MachineMemory {
    std::uint64_t total = 0; // bytes of memory
    std::uint64_t available =
        0; // what could be had now: the kernel's estimate, and swap to move others' pages to
};

// Errors: what reading the file answers; unsupported, when it does not tell.
Result<MachineMemory> machine_memory() noexcept;

} // namespace hwalloc
