// Whether a memory is mapped or locked now, for a backend that gives it to a device.
#pragma once

#include "allocators/lock_word.h"
#include "hwalloc/memory.h"

namespace hwalloc::detail {

struct AccessCount {
    // A snapshot: others may change it at once. Of this object alone, not of shares of its block.
    static bool any(const Memory& memory) noexcept {
        constexpr std::uint64_t accesses =
            lock_word::reads.mask() | lock_word::writes.mask() | lock_word::readwrites.mask();
        return (memory.word_.load(std::memory_order_acquire) & accesses) != 0;
    }
};

} // namespace hwalloc::detail
