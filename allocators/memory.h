// Memory: a window on a piece of storage. One per allocation, one more per share; every rule about mapping,
// sharing and life time is here, whatever the backend.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "hwalloc/export.h"
#include "hwalloc/flags.h"
#include "hwalloc/result.h"

namespace hwalloc {

class Allocator;
class Block;
class Mapping;
class Memory;
class MemoryRef;
class ReadMapping;
struct MappedMemory;

namespace detail {
struct AccessCount;
}

// Called once with its argument when memory goes, after the last handle, share and map. Runs in whichever
// thread lets go.
using Notify = void (*)(void* user_data);

// What one map() gave. Filled by Memory::map(), consumed by Memory::unmap(); prefer Mapping, which cannot be
// mismatched.
struct MapInfo {
    Memory* memory = nullptr;        // null: nothing is mapped
    std::uint8_t* data = nullptr;    // first byte of the window
    std::size_t size = 0;            // bytes of the window when it was mapped
    std::size_t maxsize = 0;         // bytes from data to the end of the whole region: at least size
    MapFlags flags = MapFlags::none; // as asked for
    void* user_data[4] = {}; // for a backend's mem_map_full and mem_unmap_full alone; null before the first
};

// A window [offset, offset + size) on the region [0, maxsize) of a Block.
//
// Three things are independent of each other:
//   handles   how many MemoryRef hold this object (ref_count);
//   shares    how many views were made of it, and EXCLUSIVE locks: with two or more it is not writable;
//   maps      READ, WRITE and READWRITE maps and locks.
// The object lives until all of them are gone: a map or a share keeps its memory alive.
//
// Defined limits, each refused with ErrorKind::limit: 4,096 handles, 131,071 shares, 8,192 READ maps, 1,023
// WRITE maps and 1,023 READWRITE maps of one object at a time.
//
// Thread-safety: every function may be called by any thread at any time, except resize(), which needs that no
// other thread uses this Memory object during the call; for a root that includes sharing from, and is_span()
// of, its shares. A call that is refused is not seen by other threads: it changes no count, not for a moment.
//
// Where memory belongs to a device that is gone, map, share and copy answer ErrorKind::device_lost; holding
// and releasing it stay legal.
class HWALLOC_API Memory final {
public:
    // ---- what it is
    // The allocator the storage came from; lives at least as long as this memory.
    Allocator& allocator() const noexcept;
    // The storage this is a window on.
    Block& block() const noexcept { return *block_; }
    // The memory this is a share of (always the root, never another share); null for a root.
    const Memory* parent() const noexcept;
    bool is_share() const noexcept { return parent() != nullptr; }

    struct Sizes {
        std::size_t size, offset, maxsize;
    };
    // Size of the window, its offset in the region, and the size of the region, in bytes.
    Sizes get_sizes() const noexcept { return {size_, offset_, maxsize_}; }
    std::size_t size() const noexcept { return size_; }
    std::size_t offset() const noexcept { return offset_; }
    std::size_t maxsize() const noexcept { return maxsize_; }
    // The alignment of the region's first byte, as a mask; 0 for wrapped memory (unknown).
    std::size_t align() const noexcept;
    MemoryFlags flags() const noexcept { return flags_; }
    // True when the memory's allocator is of this type: its family's name, such as "dma-heap". No
    // inheritance.
    bool is_type(std::string_view mem_type) const noexcept;
    bool is_type(const char* mem_type) const noexcept { // false for null
        return mem_type && is_type(std::string_view(mem_type));
    }

    // ---- handles
    // One more handle on the same object. Error: limit.
    Result<MemoryRef> ref() noexcept;
    // How many MemoryRef (and REF_MEMORY maps) hold this object. A snapshot: others may change it at once.
    unsigned ref_count() const noexcept;

    // ---- mapping
    // Makes the bytes visible to the CPU, with whatever cache maintenance the memory needs for that access,
    // until unmapped. Maps nest: each needs its own unmap, in any order. READ goes with READ; WRITE with
    // WRITE; under READWRITE all three.
    //   `flags`: READ, WRITE or READWRITE, and optionally REF_MEMORY and custom bits.
    // Errors: invalid (no access asked for, or unknown bits), conflict (mapped in another way; WRITE of
    // READONLY memory or of memory with two shares), limit, unsupported (NOT_MAPPABLE memory, a backend that
    // cannot map), and whatever the device answers. On an error nothing has changed and `info` is cleared.
    Result<void> map(MapInfo& info, MapFlags flags) noexcept {
        if (map_plainly(info, flags)) [[likely]]
            return {};
        return map_any_way(info, flags);
    }
    // Ends one map. Errors: invalid (`info` holds no map of this memory, or a copy of it was unmapped already
    // and no map of that mode is left; nothing is released), and what the device answers when the access ends
    // (the map is gone all the same). Clears `info`'s memory, data, flags and user_data (size and maxsize
    // stay, as in GStreamer). A stale copy of a MapInfo cannot be told from the real one while other maps or
    // locks of that mode exist: it would end one of those, but never takes a MemoryRef's handle.
    Result<void> unmap(MapInfo& info) noexcept {
        if (unmap_plainly(info)) [[likely]]
            return {};
        return unmap_any_way(info);
    }
    // The same as a scoped object.
    inline Result<Mapping> map(MapFlags flags) noexcept;
    // A READ map as a scoped object, whose bytes cannot be written by mistake. Errors: those of map().
    inline Result<ReadMapping> map_read() noexcept;

    // ---- parts and copies
    // A READONLY view of [offset, offset + size) of this window, without a copy; `whole` means to the end. A
    // share of a share is a share of the root. flags: the root's, with READONLY; ZERO_* only where it is true
    // at this time (nothing stops the root's window from moving over those bytes later). Errors: invalid
    // (outside the window), unsupported (NO_SHARE, or the backend refuses), conflict (mapped for writing),
    // limit, exhausted.
    Result<MemoryRef> share(std::size_t offset = 0, std::size_t size = whole) noexcept;
    // New, writable memory with the same bytes, no flags but what its allocator says of all its memory,
    // offset 0: from `target` when given, else from this memory's own allocator and with its alignment; never
    // from the default in silence. Takes no lock: memory that is mapped for writing is copied as its bytes
    // are just then. Errors: invalid (outside the window), unsupported (NOT_MAPPABLE memory whose backend has
    // no other way to copy; an allocator that only imports: name a target), what the device answers when the
    // access begins or ends, and those of the allocator's alloc.
    Result<MemoryRef> copy(std::size_t offset = 0, std::size_t size = whole,
                           Allocator* target = nullptr) noexcept;
    // True when `a` and `b` are shares of one root and `b` begins where `a` ends. Then *offset, if given, is
    // where `a` begins relative to the root's own window, so that root.share(*offset, a.size() + b.size()) is
    // both; it is not written otherwise.
    static bool is_span(const Memory& a, const Memory& b, std::size_t* offset = nullptr) noexcept;
    static inline bool is_span(const MemoryRef& a, const MemoryRef& b, // false where one holds nothing
                               std::size_t* offset = nullptr) noexcept;

    // ---- the window
    // Moves the start of the window by `delta` and sets its size. The window stays inside [0, maxsize).
    // Existing maps keep what they show. ZERO_PREFIXED is dropped when the start moves up, ZERO_PADDED when
    // the end moves down. Errors: invalid (outside the region), conflict (not writable: two or more shares).
    Result<void> resize(std::ptrdiff_t delta, std::size_t size) noexcept;
    // The same to an absolute place: the window becomes [offset, offset + size) of the region. Thread-safety
    // and errors as resize().
    Result<void> set_window(std::size_t offset, std::size_t size) noexcept;

    // ---- locks (what map and share take by themselves; for callers that pass memory on without mapping it)
    // Errors: invalid (no or unknown flags), conflict, limit.
    Result<void> lock(LockFlags flags) noexcept;
    // Takes back one lock() with the same flags. Errors: invalid, conflict (no EXCLUSIVE lock, or no lock or
    // map of that mode, is there to end); nothing has changed then. Only the caller can know whether the
    // count was its own.
    Result<void> unlock(LockFlags flags) noexcept;
    // True with fewer than two shares. Looks at neither READONLY nor handles nor maps.
    bool is_writable() const noexcept;

    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

private:
    friend class Block;
    friend class MemoryRef;
    friend struct detail::AccessCount;

    Memory(Block& block, std::uint8_t* base, std::size_t offset, std::size_t size, std::size_t maxsize,
           MemoryFlags flags) noexcept
        : block_(&block), base_(base), offset_(offset), size_(size), maxsize_(maxsize), flags_(flags) {}
    ~Memory() = default;

    void drop(std::uint64_t amount) noexcept;
    void destroy() noexcept;
    void destroy_root() noexcept;
    void destroy_root_with_others() noexcept;
    void destroy_view() noexcept;
    // The common case of map() and unmap() and nothing else: true when that was all, and false, having
    // changed nothing, when it takes more.
    bool map_plainly(MapInfo& info, MapFlags flags) noexcept;
    bool unmap_plainly(MapInfo& info) noexcept;
    Result<void> map_any_way(MapInfo& info, MapFlags flags) noexcept;
    Result<void> unmap_any_way(MapInfo& info) noexcept;
    Result<void> map_by_hook(MapInfo& info, MapFlags flags) noexcept;
    void describe(MapInfo& info, MapFlags flags) noexcept;
    // What share() wraps, inline, so that the memory comes back in a register.
    RawResult make_share(std::size_t offset, std::size_t size) noexcept;

    Block* block_;
    std::uint8_t* base_; // of the region, when it is mapped for good and needs no hook; else null
    std::size_t offset_;
    std::size_t size_;
    std::size_t maxsize_;
    MemoryFlags flags_;
    // How many of the maps are REF_MEMORY maps, and how many of the shares are EXCLUSIVE locks.
    std::atomic<std::uint32_t> kinds_{0};
    // Handles, shares, READ, WRITE and READWRITE counts (allocators/lock_word.h). Last, so that in a root it
    // starts the cache line behind the fields that every map reads.
    std::atomic<std::uint64_t> word_{1};
};
static_assert(sizeof(Memory) <= 56);

// One handle on a Memory. Move only: another handle is asked for by Memory::ref(), which can refuse.
class HWALLOC_API MemoryRef {
public:
    constexpr MemoryRef() noexcept = default;
    MemoryRef(MemoryRef&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
    MemoryRef& operator=(MemoryRef&& other) noexcept {
        MemoryRef old(std::move(other));
        std::swap(memory_, old.memory_);
        return *this;
    }
    ~MemoryRef() {
        if (memory_)
            release(memory_);
    }

    Memory* get() const noexcept HWALLOC_LIFETIMEBOUND { return memory_; }
    Memory* operator->() const noexcept HWALLOC_LIFETIMEBOUND { return memory_; }
    Memory& operator*() const noexcept HWALLOC_LIFETIMEBOUND { return *memory_; }
    explicit operator bool() const noexcept { return memory_ != nullptr; }
    // Releases the handle.
    void reset() noexcept { MemoryRef(std::move(*this)); }

    // For bindings to other languages: gives up, and takes, the handle as a bare pointer.
    [[nodiscard]] Memory* detach() noexcept { return std::exchange(memory_, nullptr); }
    static MemoryRef adopt(Memory* memory) noexcept { return MemoryRef(memory); }

private:
    explicit MemoryRef(Memory* memory) noexcept : memory_(memory) {}
    static void release(Memory* memory) noexcept;

    Memory* memory_ = nullptr;
};

// A scoped map: unmaps when it goes. It keeps its memory alive. Not for two threads at once.
class Mapping {
public:
    Mapping() noexcept = default;
    Mapping(Mapping&& other) noexcept : info_(std::exchange(other.info_, MapInfo{})) {}
    Mapping& operator=(Mapping&& other) noexcept {
        if (this != &other) {
            (void)unmap();
            info_ = std::exchange(other.info_, MapInfo{});
        }
        return *this;
    }
    ~Mapping() {
        if (info_.memory)
            (void)info_.memory->unmap(info_);
    }

    // Ends the map at once and tells what the device answered; nothing to do, and no error, when nothing is
    // mapped. No bytes are left here, whatever it answers.
    Result<void> unmap() noexcept {
        auto ended = info_.memory ? info_.memory->unmap(info_) : Result<void>();
        info_.size = info_.maxsize = 0;
        return ended;
    }

    explicit operator bool() const noexcept { return info_.memory != nullptr; }
    std::uint8_t* data() const noexcept HWALLOC_LIFETIMEBOUND { return info_.data; }
    std::size_t size() const noexcept { return info_.size; }
    std::span<std::uint8_t> bytes() const noexcept HWALLOC_LIFETIMEBOUND { return {info_.data, info_.size}; }
    const MapInfo& info() const noexcept HWALLOC_LIFETIMEBOUND { return info_; }
    // For bindings to other languages: gives up the map, which goes on until Memory::unmap() of what this
    // returned. Nothing is mapped here afterwards.
    [[nodiscard]] MapInfo release() noexcept { return std::exchange(info_, MapInfo{}); }

private:
    friend class Memory;
    MapInfo info_;
};

// A Mapping whose bytes are const.
class ReadMapping {
public:
    ReadMapping() noexcept = default;

    // As Mapping's.
    Result<void> unmap() noexcept { return mapping_.unmap(); }

    explicit operator bool() const noexcept { return static_cast<bool>(mapping_); }
    const std::uint8_t* data() const noexcept HWALLOC_LIFETIMEBOUND { return mapping_.data(); }
    std::size_t size() const noexcept { return mapping_.size(); }
    std::span<const std::byte> bytes() const noexcept HWALLOC_LIFETIMEBOUND {
        return std::as_bytes(mapping_.bytes());
    }
    const MapInfo& info() const noexcept HWALLOC_LIFETIMEBOUND { return mapping_.info(); }
    [[nodiscard]] MapInfo release() noexcept { return mapping_.release(); }

private:
    friend class Memory;
    Mapping mapping_;
};

namespace detail {
inline Result<MemoryRef> memory_of(RawResult raw) noexcept {
    if (raw.facts) [[unlikely]]
        return Result<MemoryRef>(raw);
    return MemoryRef::adopt(static_cast<Memory*>(raw.value));
}
} // namespace detail

inline Result<MemoryRef> Memory::share(std::size_t offset, std::size_t size) noexcept {
    return detail::memory_of(make_share(offset, size));
}

inline Result<Mapping> Memory::map(MapFlags flags) noexcept {
    Mapping mapping;
    if (auto mapped = map(mapping.info_, flags); !mapped)
        return std::move(mapped).error();
    return mapping;
}

inline Result<ReadMapping> Memory::map_read() noexcept {
    ReadMapping mapping;
    if (auto mapped = map(mapping.mapping_.info_, MapFlags::read); !mapped)
        return std::move(mapped).error();
    return mapping;
}

inline bool Memory::is_span(const MemoryRef& a, const MemoryRef& b, std::size_t* offset) noexcept {
    return a && b && is_span(*a, *b, offset);
}

// Memory together with a map of it.
struct MappedMemory {
    MemoryRef memory;
    Mapping mapping;
};

// Maps `memory`, or, where it cannot be mapped so, a copy of it; consumes the handle either way. READONLY
// memory asked for READWRITE gives a writable copy with the same bytes. Errors: those of map and copy, the
// copy's being the last.
HWALLOC_API Result<MappedMemory> make_mapped(MemoryRef memory, MapFlags flags) noexcept;

// The same memory when it is writable, else a copy of it; consumes the handle either way. Errors: those of
// copy.
HWALLOC_API Result<MemoryRef> make_writable(MemoryRef memory) noexcept;

} // namespace hwalloc
