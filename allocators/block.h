// Block: the storage behind a Memory, and what a backend subclasses: a mapping, an fd, a GEM handle, a
// VmaAllocation. Applications need not include this.
#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>

#include "hwalloc/allocator.h"
#include "hwalloc/memory.h"

namespace hwalloc {

// Where the window of an allocation lies, decided before the storage is made.
struct HWALLOC_API Geometry {
    std::size_t maxsize = 0; // bytes of the region
    std::size_t align = 0;   // of the region's first byte, as a mask
    std::size_t offset = 0;  // of the window
    std::size_t size = 0;    // of the window
    MemoryFlags flags = MemoryFlags::none;
    std::size_t storage = 0; // bytes to ask the device for: the request in whole granules, at least one

    // The rule for every backend that allocates: with want = prefix + size + padding,
    //   maxsize = min(want + max(align, 7), want rounded up to `granule`)
    // so that code written against GStreamer's system memory sees the same slack everywhere. `granule` is the
    // backend's unit in bytes, a power of two (page_size() for most devices), or 0 or 1 for byte-grained
    // memory, where storage = maxsize. Errors: invalid (align is no mask), limit (a sum does not fit).
    static Result<Geometry> of(std::size_t size, const AllocationParams& params,
                               std::size_t granule) noexcept;
    // Storage that exists already (imported, wrapped): the window [offset, offset + size) of `maxsize` bytes.
    // Errors: invalid (window outside, unknown flags).
    static Result<Geometry> window(std::size_t maxsize, std::size_t offset, std::size_t size,
                                   MemoryFlags flags) noexcept;
};

// The hooks below are Gst.Allocator's, by name. The core has checked every argument before it calls one, and
// holds the lock that the operation needs; a hook that is not overridden gets the core's rule. `view` is the
// memory the caller used: the root or a share. Every hook may be called by several threads at once for one
// block.
//
// A Block whose bytes stay mapped for life and need no maintenance gives its `base` to the constructor (or
// set_base): then no mapping hook is ever called.
class alignas(64) HWALLOC_API Block {
public:
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    Allocator& allocator() const noexcept { return *allocator_; }
    Memory& root() noexcept HWALLOC_LIFETIMEBOUND { return root_; }
    const Memory& root() const noexcept HWALLOC_LIFETIMEBOUND { return root_; }
    std::size_t align() const noexcept { return align_; }

    // The interface `I` (hwalloc/capabilities.h) of this storage, or null: a capability is an interface that
    // is present. Valid as long as the block lives.
    template<class I>
    I* extension() noexcept HWALLOC_LIFETIMEBOUND {
        return static_cast<I*>(do_extension(I::extension_id));
    }

    // ---- for bindings to other languages and frameworks
    // One pointer of the caller's that goes with the storage: `destroy` is called with `data` when the last
    // handle, share and map is gone, before the storage is released, in whichever thread lets go. True when
    // the place was free; it is taken once, for the life of the block. `data` and `destroy` are not null.
    bool set_user_data(void* data, Notify destroy) noexcept;
    // The data that was set with this `destroy`, by which its owner knows it; else null.
    void* user_data(Notify destroy) const noexcept {
        return destroy && user_destroy_.load(std::memory_order_acquire) == destroy
                   ? user_data_.load(std::memory_order_relaxed)
                   : nullptr;
    }
    // Begins an access by the CPU to `view`, the root or a share of this block, without the memory's lock:
    // for callers that hold a lock of their own. Fills `info` as map() does, but its `memory` is null, so
    // that no unmap() takes it. The caller keeps `view` alive until end_cpu_access(), and sees to it that no
    // other access is in the way.
    //   `flags`: READ, WRITE or READWRITE, and custom bits.
    // Errors: invalid (no access asked for, or other bits), conflict (WRITE of READONLY memory), unsupported
    // (NOT_MAPPABLE memory, a backend that cannot map), and whatever the device answers; `info` is cleared.
    Result<void> begin_cpu_access(Memory& view, MapInfo& info, MapFlags flags) noexcept;
    // Ends an access that begin_cpu_access() of the same view began, and clears `info`. Errors: invalid
    // (`info` holds no access), and what the device answers; the access has ended all the same.
    Result<void> end_cpu_access(Memory& view, MapInfo& info) noexcept;

protected:
    // Makes the storage and its root memory, with one handle, which the core gives to the caller of alloc().
    // `base`: the first byte of the region when it is mapped for good, else null. `allocator` is kept alive
    // by the block.
    Block(Allocator& allocator, const Geometry& geometry, std::uint8_t* base = nullptr) noexcept
        : allocator_(&allocator)
        , root_(*this, base, geometry.offset, geometry.size, geometry.maxsize, geometry.flags)
        , align_(geometry.align) {
        allocator.ref();
    }
    // Runs when the last handle, share and map is gone; releases what the subclass owns.
    virtual ~Block() { allocator_->unref(); }
    // For an allocator that keeps storage which nobody holds any more, to give it out again: where retire()
    // answers true, do_free may leave the block as it is, and do_alloc renew() it instead of making another.
    // The destructor may be left out where all that it would do is let go of the allocator. retire() is false
    // for a block that keeps its allocator alive, as one does whose allocator was never registered. The
    // arguments of renew() are the constructor's.
    bool retire() const noexcept { return allocator_->immortal(); }
    void renew(Allocator& allocator, const Geometry& geometry, std::uint8_t* base) noexcept {
        allocator_ = &allocator;
        root_.base_ = base;
        root_.offset_ = geometry.offset;
        root_.size_ = geometry.size;
        root_.maxsize_ = geometry.maxsize;
        root_.flags_ = geometry.flags;
        root_.kinds_.store(0, std::memory_order_relaxed);
        root_.word_.store(1, std::memory_order_relaxed);
        align_ = geometry.align;
        allocator.ref();
    }

    // Maps the whole region for the access in `flags` and returns its first byte (the core adds the window's
    // offset). Default: unsupported.
    virtual Result<std::uint8_t*> mem_map(Memory& view, std::size_t maxsize, MapFlags flags) noexcept;
    // The same with the MapInfo in sight: memory, flags, size and maxsize are set, user_data is free for
    // mem_unmap_full. Used instead of mem_map when overridden. Default: mem_map.
    virtual Result<std::uint8_t*> mem_map_full(Memory& view, MapInfo& info, std::size_t maxsize) noexcept;
    // Ends one map. An error is told to the caller; the map is gone all the same. Default: nothing.
    virtual Result<void> mem_unmap(Memory& view) noexcept;
    // Used instead of mem_unmap when overridden, whichever hook mapped. Default: mem_unmap.
    virtual Result<void> mem_unmap_full(Memory& view, MapInfo& info) noexcept;
    // A share was made, not yet given to the caller: add to it (flags through set_flags) or refuse. Default:
    // accept.
    virtual Result<void> mem_share(Memory& view) noexcept;
    // Copies [offset, offset + size) of `view`'s window into new memory of `target`, or of this block's own
    // allocator when null. Default: default_copy.
    virtual Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                                       Allocator* target) noexcept;
    // `a` and `b` are shares of this block's root; may write *offset when true. Default: b begins where a
    // ends.
    virtual bool mem_is_span(const Memory& a, const Memory& b, std::size_t* offset) noexcept;
    // The interface named, as a pointer to exactly that type, or null. Default: null.
    virtual void* do_extension(std::string_view id) noexcept;

    // Maps by the mapping hooks, without the lock; allocates; copies with memcpy: what mem_copy does unless
    // it is overridden. Errors: unsupported (NOT_MAPPABLE), and those of the hooks and of the allocator's
    // alloc.
    Result<MemoryRef> default_copy(Memory& view, std::size_t offset, std::size_t size,
                                   Allocator* target) noexcept;
    // Fills the bytes before and behind the root's window with zero as ZERO_PREFIXED and ZERO_PADDED ask. For
    // do_alloc, on memory that is not known to be zero. `region` is the region's first byte.
    void zero_edges(std::uint8_t* region) noexcept;
    // Declares the region mapped for good at `base`. Only before the memory is given out.
    void set_base(std::uint8_t* base) noexcept { root_.base_ = base; }
    // For mem_share and do_alloc: replaces the flags of a memory that no caller has seen yet.
    static void set_flags(Memory& memory, MemoryFlags flags) noexcept { memory.flags_ = flags; }

private:
    friend class Memory;
    friend class Allocator;
    void destroy_user_data() noexcept;

    Allocator* allocator_;
    Memory root_;
    std::size_t align_;
    std::atomic<void*> user_data_{nullptr};
    std::atomic<Notify> user_destroy_{nullptr}; // set last: whoever sees it sees the data
};
static_assert(sizeof(Block) <= 128);

inline RawResult Allocator::root_of(Block& block) noexcept {
    return RawResult(&block.root());
}

} // namespace hwalloc
