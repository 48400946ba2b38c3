// Small pieces of Vulkan memory, which VMA alone would make one by one: chunks of VMA's memory, each cut into
// pieces of one size. Taking a piece and giving it back is a few instructions under one lock.
#pragma once

#include <cstdint>

#include "backends/vulkan/context.h"
#include "backends/vulkan/vma.h"
#include "common/fork_safe_mutex.h"
#include "common/size_class.h"

namespace hwalloc::vulkan::detail {

// A chunk, or a whole allocation of VMA's when it was too large for one.
struct Slab;

// Memory for one block: `size` bytes, which begin at `within` of VMA's allocation.
struct Slot {
    VmaAllocation allocation = nullptr;
    Slab* slab = nullptr;           // null: the allocation is the slot's own
    std::uint8_t* mapped = nullptr; // its first byte
    std::uint32_t within = 0;
    std::uint16_t piece = 0; // which one of the slab
    std::uint16_t type = 0;  // of the memory
};

// One for each placement and device; thread-safe.
class Slabs {
public:
    static constexpr VkDeviceSize largest = 8192; // piece that is taken from here

    Slabs(Context& context, bool mapped) noexcept;
    ~Slabs();
    Slabs(const Slabs&) = delete;
    Slabs& operator=(const Slabs&) = delete;

    // Whether a piece of `bytes` that begins at a multiple of `alignment` can be taken from here.
    bool suits(VkDeviceSize bytes, VkDeviceSize alignment) const noexcept {
        return bytes > 0 && bytes <= largest && alignment <= alignment_;
    }
    // At least `bytes`, where that suits. No allocation in it: there is no memory for a chunk.
    Slot take(VkDeviceSize bytes) noexcept;
    void give_back(const Slot& slot) noexcept;
    // Bytes of a slot that was taken.
    static VkDeviceSize size_of(const Slot& slot) noexcept;

    // What of VMA's allocations are chunks, and what is given out of them.
    struct Count {
        std::uint32_t chunks = 0, pieces = 0;
        std::uint64_t chunk_bytes = 0, piece_bytes = 0;
    };
    Count count(std::uint32_t heap) noexcept;

private:
    static constexpr std::size_t classes = SizeClass::count_up_to(largest);

    Slab* fresh_slab() const noexcept; // without the lock: a driver may take long to give memory
    void enter(Slab& fresh, SizeClass wanted) noexcept;
    void discard(Slab* slab) const noexcept;
    void link(Slab& slab) noexcept;
    void unlink(Slab& slab) noexcept;

    Context& context_;
    bool mapped_;
    VkDeviceSize unit_;        // pieces are multiples of it
    VkDeviceSize alignment_;   // of a piece, for the CPU too; 0: nothing is taken from slabs on this device
    ForkSafeMutex mutex_;      // guards what follows, and the slabs
    Slab* open_[classes] = {}; // with pieces left, by size
    Slab* spare_ = nullptr;    // one that is empty, so that the next piece need not wait for VMA
    Count counts_[VK_MAX_MEMORY_HEAPS];
};

} // namespace hwalloc::vulkan::detail
