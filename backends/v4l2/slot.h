// A buffer of a queue as the application sees it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"

namespace hwalloc::v4l2::detail {

// A buffer: a memory, or as many as the format has.
struct Slot {
    // Who has a buffer: nobody, the driver (QBUF to DQBUF), or the application (DQBUF to QBUF).
    enum class Holder : std::uint8_t { nobody, driver, application };

    std::array<MemoryRef, ImageLayout::max_planes> memories{};
    std::array<int, ImageLayout::max_planes> fds{}; // lent by the memories
    std::uint32_t count = 0;                        // of the memories
    Holder holder = Holder::nobody;

    void add(MemoryRef memory, int lent) noexcept {
        memories[count] = std::move(memory);
        fds[count++] = lent;
    }
    Memory* memory_at(std::uint32_t which) const noexcept {
        return which < count ? memories[which].get() : nullptr;
    }
    std::span<const MemoryRef> all() const noexcept { return {memories.data(), count}; }
    std::span<const int> all_fds() const noexcept { return {fds.data(), count}; }
};

} // namespace hwalloc::v4l2::detail
