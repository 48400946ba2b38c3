// How much memory the machine has, and whether it has enough.
//
// Heaps and file systems of memory take page after page and never say no: when there are no more, the kernel
// ends a process, most likely the one that asked (Documentation/admin-guide/mm/concepts.rst, "OOM killer").
// So whoever takes much compares first.
#pragma once

#include <cstdint>

#include "hwalloc/export.h"
#include "hwalloc/result.h"

namespace hwalloc {

struct MachineMemory {
    std::uint64_t total = 0; // bytes of memory
    // That can be had now: the kernel's estimate, and the swap space that is free.
    std::uint64_t available = 0;
};

// By /proc/meminfo (proc_meminfo(5): MemTotal, MemAvailable, SwapFree). Thread-safe. Errors: what reading the
// file answers; unsupported, when it does not tell.
HWALLOC_API Result<MachineMemory> machine_memory() noexcept;

// Whether the machine has `bytes` free, and as much left afterwards as its other processes need to go on: a
// sixty-fourth of its memory, and 16 MiB at least where that is no eighth of it. Says yes where it is not
// told. Thread-safe. Errors: exhausted, with size_wanted() and size_held().
HWALLOC_API Result<void> check_machine_has(std::uint64_t bytes) noexcept;

} // namespace hwalloc
