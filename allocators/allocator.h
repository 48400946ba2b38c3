// Allocator: makes memory of one kind. Found by registered name, or made by an application for itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "hwalloc/export.h"
#include "hwalloc/flags.h"
#include "hwalloc/memory.h"
#include "hwalloc/result.h"

namespace hwalloc {

class AllocatorRef;
struct Geometry;

namespace detail {
HWALLOC_API RawResult make_by_default(std::size_t size, const AllocationParams& params) noexcept;
}

// Thread-safety: every function may be called by any thread at any time.
class HWALLOC_API Allocator {
public:
    // ---- the registry
    // The allocator registered under `name` ("sysmem", "dma-heap/system", a family for its best instance, an
    // alias), or null. A pure look-up: takes no lock, opens nothing, builds no error; only the first use of
    // the library lists what the built-in backends find. The pointer is valid for ever.
    static Allocator* find(std::string_view name) noexcept;
    // The default allocator. Null only when there was no memory for the registry itself.
    static Allocator* find() noexcept;
    static Allocator* find(std::nullptr_t) noexcept { return find(); }
    // Null, as from getenv(), is the default.
    static Allocator* find(const char* name) noexcept { return name ? find(std::string_view(name)) : find(); }
    // Like find, and when the name is not known: loads modules and the library that brings the name's family
    // (libhwalloc-vulkan for "vulkan/..."), scans for devices once more, and explains the failure
    // (unavailable, permission, ...). May block. An empty name is the default.
    static Result<Allocator*> resolve(std::string_view name) noexcept;
    static Result<Allocator*> resolve(const char* name) noexcept { // null is the default
        return resolve(name ? std::string_view(name) : std::string_view());
    }
    // Gives `allocator` the name; the registry keeps it for ever. The last registration wins; the allocator
    // that had the name before lives on for the memory it made. Errors: invalid (empty name, null),
    // exhausted.
    static Result<void> register_allocator(std::string_view name, AllocatorRef allocator) noexcept;
    static inline Result<void> register_allocator(const char* name, AllocatorRef allocator) noexcept;
    // Takes the name out; find() answers null. Memory is not affected. Errors: invalid (empty), unavailable
    // (not known).
    static Result<void> unregister(std::string_view name) noexcept;
    static Result<void> unregister(const char* name) noexcept { // null is an empty name
        return unregister(name ? std::string_view(name) : std::string_view());
    }
    // What alloc() without an allocator uses from now on; kept for ever like a registered one. Error: invalid
    // (null).
    static Result<void> set_default(AllocatorRef allocator) noexcept;

    // ---- what it is
    // The name it was first registered under; empty when it never was.
    std::string_view name() const noexcept HWALLOC_LIFETIMEBOUND {
        return {name_.load(std::memory_order_acquire)};
    }
    // The kind of memory: the family's name, such as "dma-heap".
    std::string_view mem_type() const noexcept HWALLOC_LIFETIMEBOUND { return mem_type_; }
    // The interface `I` (hwalloc/capabilities.h), or null: a capability is an interface that is present.
    template<class I>
    I* extension() noexcept HWALLOC_LIFETIMEBOUND {
        return static_cast<I*>(do_extension(I::extension_id));
    }

    // ---- memory
    // New memory of `size` bytes (0 is legal unless the backend says otherwise). Its contents are undefined,
    // but for what ZERO_PREFIXED and ZERO_PADDED ask; memory that comes from a device is zero. Errors:
    // invalid (align is no mask; unknown flags), limit (a sum does not fit), unsupported (an allocator that
    // only imports or wraps; an alignment above what it can give), and what the device answers: exhausted,
    // permission, unavailable, device lost, with the whole story.
    Result<MemoryRef> alloc(std::size_t size, const AllocationParams& params = {}) noexcept {
        return detail::memory_of(make(size, params));
    }
    // Releases one handle of memory that this allocator made; the storage goes with the last handle, share
    // and map. Error: invalid, when it is null or another allocator's: then nothing is released and `memory`
    // still holds it.
    Result<void> free(MemoryRef&& memory) noexcept;

    // One more, one fewer owner. Registered allocators live for ever and count nothing.
    void ref() noexcept {
        if (!immortal())
            references_.fetch_add(1, std::memory_order_relaxed);
    }
    void unref() noexcept {
        if (!immortal() && references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete this;
    }

    Allocator(const Allocator&) = delete;
    Allocator& operator=(const Allocator&) = delete;

protected:
    // `mem_type`: the family's name; a literal, or text that lives as long as the allocator. Starts with one
    // owner (AllocatorRef::adopt).
    explicit Allocator(std::string_view mem_type) noexcept : mem_type_(mem_type) {}
    virtual ~Allocator();

    // Hooks, Gst.Allocator's by name.
    // Makes storage; the arguments are checked (align is a mask, prefix + size + padding fits). The window is
    // Geometry::of(size, params, granule). Default: unsupported.
    virtual Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept;
    // Releases storage that do_alloc made, after its last use. Default: destroys it (delete).
    virtual void do_free(Block* block) noexcept;
    // The interface named, as a pointer to exactly that type, or null. Default: null.
    virtual void* do_extension(std::string_view id) noexcept;
    // What alloc() calls, with checked arguments: the root of what do_alloc makes. Overridden only where that
    // takes less time than to hand on a Result; such an override calls this one for what it cannot do.
    virtual RawResult do_make(std::size_t size, const AllocationParams& params) noexcept;
    // For an override of do_make.
    static inline RawResult root_of(Block& block) noexcept;
    // For a backend's do_free.
    static void destroy(Block* block) noexcept;

private:
    friend class Block;
    friend class Memory;
    friend class Registry;
    friend RawResult detail::make_by_default(std::size_t, const AllocationParams&) noexcept;

    // What alloc() wraps, inline, so that the memory comes back in a register.
    RawResult make(std::size_t size, const AllocationParams& params) noexcept;

    bool immortal() const noexcept { return immortal_.load(std::memory_order_relaxed); }

    std::string_view mem_type_;
    std::atomic<const char*> name_{""};
    std::atomic<std::uint32_t> references_{1};
    std::atomic<bool> immortal_{false};
    Allocator* next_kept_ = nullptr; // in the list of all that the registry keeps
};

// One owner of an Allocator.
class AllocatorRef {
public:
    constexpr AllocatorRef() noexcept = default;
    // Shares an allocator somebody else owns (for example one that find() gave).
    explicit AllocatorRef(Allocator* allocator) noexcept : allocator_(allocator) {
        if (allocator_)
            allocator_->ref();
    }
    // Takes over the owner that a fresh allocator starts with: AllocatorRef::adopt(new MyAllocator).
    static AllocatorRef adopt(Allocator* allocator) noexcept {
        AllocatorRef owner;
        owner.allocator_ = allocator;
        return owner;
    }
    AllocatorRef(const AllocatorRef& other) noexcept : AllocatorRef(other.allocator_) {}
    AllocatorRef(AllocatorRef&& other) noexcept : allocator_(std::exchange(other.allocator_, nullptr)) {}
    AllocatorRef& operator=(AllocatorRef other) noexcept {
        std::swap(allocator_, other.allocator_);
        return *this;
    }
    ~AllocatorRef() {
        if (allocator_)
            allocator_->unref();
    }

    Allocator* get() const noexcept HWALLOC_LIFETIMEBOUND { return allocator_; }
    Allocator* operator->() const noexcept HWALLOC_LIFETIMEBOUND { return allocator_; }
    Allocator& operator*() const noexcept HWALLOC_LIFETIMEBOUND { return *allocator_; }
    explicit operator bool() const noexcept { return allocator_ != nullptr; }

private:
    Allocator* allocator_ = nullptr;
};

inline Result<void> Allocator::register_allocator(const char* name, AllocatorRef allocator) noexcept {
    return register_allocator(name ? std::string_view(name) : std::string_view(), std::move(allocator));
}

// Memory from the default allocator.
inline Result<MemoryRef> alloc(std::size_t size, const AllocationParams& params = {}) noexcept {
    return detail::memory_of(detail::make_by_default(size, params));
}

// Memory around `maxsize` bytes at `data` that the caller provides, with the window [offset, offset + size).
// Nothing is copied. `notify`, if given, is called with `user_data` when the memory goes; else the caller
// keeps the bytes alive until then. The memory belongs to "sysmem" whatever the default is; flags are the
// caller's word (READONLY for const bytes, ZERO_* when true). Errors: invalid (data null, window outside,
// unknown flags), exhausted; notify is not called then.
HWALLOC_API Result<MemoryRef> new_wrapped(MemoryFlags flags, void* data, std::size_t maxsize,
                                          std::size_t offset, std::size_t size, void* user_data = nullptr,
                                          Notify notify = nullptr) noexcept;

} // namespace hwalloc
