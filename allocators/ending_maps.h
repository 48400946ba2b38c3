// Maps whose unmap hook is running. Until the hook is through, the memory's word goes on counting the map, so
// that no other kind of access begins under it; and whoever comes to unmap meanwhile must not take that count
// for a map of its own.
#pragma once

#include <atomic>
#include <cstdint>

#include "allocators/lock_word.h"

namespace hwalloc {

class Memory;

// For rare changes that take more than one look or more than one word of a memory: one lock of a few, which
// the memories share. No other lock is taken and no foreign code runs under it. Whole in a child of fork.
class MemoryLock {
public:
    explicit MemoryLock(const Memory& memory) noexcept;
    ~MemoryLock();
    MemoryLock(const MemoryLock&) = delete;
    MemoryLock& operator=(const MemoryLock&) = delete;

private:
    friend class EndingMap;
    struct Stripe;
    struct Table;

    Stripe& stripe_;
};

// One map of `memory` that is being ended, known to other threads from claim() on. Lives on the stack of the
// thread that unmaps, and allocates nothing.
class EndingMap {
public:
    EndingMap(const Memory& memory, lock_word::AccessMode mode) noexcept : memory_(&memory), mode_(mode) {}
    EndingMap(const EndingMap&) = delete;
    EndingMap& operator=(const EndingMap&) = delete;

    // True when the memory's word counts more maps of this mode than are being ended: one of them is this
    // one's from now on.
    bool claim(const std::atomic<std::uint64_t>& word) noexcept;

    // Held while the map that was claimed is taken out of the word; claims are looked at before or after, not
    // between. Takes back the claim when it goes.
    class Lock {
    public:
        explicit Lock(EndingMap& claimed) noexcept : held_(*claimed.memory_), claimed_(claimed) {}
        ~Lock();
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

    private:
        MemoryLock held_;
        EndingMap& claimed_;
    };

private:
    friend class MemoryLock;

    const Memory* memory_;
    lock_word::AccessMode mode_;
    EndingMap* next_ = nullptr;
};

} // namespace hwalloc
