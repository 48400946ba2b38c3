// Whether a memory is mapped or locked now, for a backend that gives it to a device.
#pragma once

#include "allocators/lock_word.h"
#include "hwalloc/memory.h"

namespace hwalloc::detail {

struct AccessCount {
    // A snapshot: others may change it at once. Of this object and of the root that it is a share of: nobody
    // has a list of the other shares.
    static bool any(const Memory& memory) noexcept {
        return has(memory) || (memory.is_share() && has(*memory.parent()));
    }

private:
    static bool has(const Memory& memory) noexcept {
        constexpr std::uint64_t accesses =
            lock_word::reads.mask() | lock_word::writes.mask() | lock_word::readwrites.mask();
        return (memory.word_.load(std::memory_order_acquire) & accesses) != 0;
    }
};

} // namespace hwalloc::detail
