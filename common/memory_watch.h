// Looks at the machine's free memory as one allocator takes it: once for every 16 MiB, which take a hundred
// times as long to get as the look does.
#pragma once

#include <atomic>
#include <cstdint>

#include "hwalloc/machine_memory.h"

namespace hwalloc {

class MemoryWatch {
public:
    // Before `bytes` are taken. Thread-safe. Errors: check_machine_has()'s.
    Result<void> before(std::uint64_t bytes) noexcept {
        constexpr std::uint64_t step = 16 << 20;
        if (taken_.fetch_add(bytes, std::memory_order_relaxed) + bytes < step)
            return {};
        auto enough = check_machine_has(bytes);
        // After a refusal the next one is looked at too, however small.
        taken_.store(enough ? 0 : step, std::memory_order_relaxed);
        return enough;
    }

private:
    std::atomic<std::uint64_t> taken_{0}; // since the last look
};

} // namespace hwalloc
