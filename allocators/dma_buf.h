// DmaBuf: one dma-buf of this process, however many memories, imports and descriptors there are of it; and
// DmaBufBlock, the storage of every backend whose memory is a dma-buf. A public header: for backends and
// participants, and for bindings to frameworks that count and lock by themselves. Applications need not
// include this.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>

#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/export.h"
#include "hwalloc/flags.h"
#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {

class DmaBufRef;

// A dma-buf: its descriptor, its identity, its one mapping, and the state of CPU access to it. There is one
// object per dma-buf in a process, so that two imports of one buffer share a mapping and bracket CPU access
// once. Every descriptor of one dma-buf has the same access mode.
//
// Two descriptors are one dma-buf when their inode numbers and sizes are equal and they are one open file.
// The number alone is not enough on kernels before 5.19, which can give it to two buffers that live at one
// time. Where the kernel does not compare open files (before 6.10 without kcmp(2), which a sandbox may
// forbid), number and size decide.
//
// Thread-safety: every function may be called by any thread at any time.
class HWALLOC_API DmaBuf {
public:
    // A dma-buf that a driver has just made for the caller, open for reading and writing. Takes the
    // descriptor, also on failure. When this process knows the buffer already (a driver that exports the same
    // dma-buf again), that object is given and `fd` is closed. Errors: incompatible (smaller than `size`
    // bytes), exhausted, and what the kernel answers.
    static Result<DmaBufRef> adopt(UniqueFd fd, std::size_t size) noexcept;
    // Any descriptor, which stays the caller's: a duplicate is examined and kept, so that the caller may
    // close or replace the original at any time. Errors: invalid (not open, not a dma-buf), limit, exhausted.
    static Result<DmaBufRef> import(int fd) noexcept;

    // The descriptor, lent: open as long as this object lives.
    int fd() const noexcept { return fd_.get(); }
    // The inode number, by which /proc/PID/fdinfo and a plan's report name the buffer. Not an identity on
    // kernels before 5.19: the address of this object is one, as long as it lives.
    std::uint64_t inode() const noexcept { return inode_; }
    // Whether `fd` is a descriptor of a dma-buf with this inode number and size: false also when it is closed
    // or another kind of file. A few system calls.
    bool is_behind(int fd) const noexcept;
    // The real size in bytes.
    std::size_t size() const noexcept { return size_; }
    bool readable() const noexcept { return readable_; }
    bool writable() const noexcept { return writable_; }
    // What /proc/PID/fdinfo and the kernel's debug files show; cut at 31 bytes. A refusal is ignored.
    void set_name(std::string_view name) noexcept;
    void set_name(const char* name) noexcept { // null is no name
        set_name(name ? std::string_view(name) : std::string_view());
    }
    // For who made the buffer, where its dma-bufs cannot be mapped and there is another way (a card's
    // MAP_DUMB): size() bytes at `base`, which this object owns from now on. Unmapped at once when the buffer
    // has a mapping already.
    void set_mapping(std::uint8_t* base) noexcept;

    // Begins an access of the CPU: READ, WRITE or READWRITE of `access`; other bits are ignored. Maps the
    // whole buffer the first time, for the life of this object, and returns its first byte. Each call needs
    // one end_cpu_access with the same access.
    //
    // DMA_BUF_IOCTL_SYNC is issued for the outermost access of each direction only, with no more direction
    // than was asked for (kernel: driver-api/dma-buf.rst, "CPU Access to DMA Buffer Objects"):
    //   - a reader among readers, or anybody under READWRITE, costs no system call;
    //   - a writer that joins readers starts WRITE, and its end hands the bytes to devices; readers go on;
    //   - a reader that joins writers first has what they wrote written out of the cache: to start READ
    //     throws away what the cache holds. What another thread writes during that very call may be lost on
    //     machines whose DMA is not coherent: a writer, and a reader that begins meanwhile, must agree;
    //   - READ ends together with WRITE when readers go first.
    // A call waits for fences of devices that still use the buffer, and whatever needs that call waits with
    // it; an access that needs no call goes on beside it. Never allocates.
    // Errors: invalid (no access), permission (the descriptor is not open for that; no call is made), and
    // what mmap and the exporter answer; nothing has begun then.
    Result<std::uint8_t*> begin_cpu_access(MapFlags access) noexcept;
    // The same for a caller that has another mapping, made by the device (vkMapMemory): nothing is mapped,
    // and the descriptor's access mode does not matter. Errors: invalid (no access), and what the
    // exporter answers.
    Result<void> begin_mapped_access(MapFlags access) noexcept;
    // Ends one access. Errors: invalid (no such access is open; nothing is done), and what the exporter
    // answers: the access is over all the same.
    Result<void> end_cpu_access(MapFlags access) noexcept;
    // Whether an access of the CPU is open. A snapshot: others may begin or end one at once.
    bool has_cpu_access() noexcept;

    DmaBuf(const DmaBuf&) = delete;
    DmaBuf& operator=(const DmaBuf&) = delete;

private:
    friend class DmaBufRef;
    struct HWALLOC_LOCAL Table;
    struct HWALLOC_LOCAL Facts;

    DmaBuf(UniqueFd fd, const Facts& facts) noexcept;
    ~DmaBuf();
    static Result<DmaBufRef> enter(UniqueFd fd, const Facts& facts) noexcept;
    void ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void unref() noexcept;
    bool is(const DmaBuf& other) const noexcept;
    // These need access_ held.
    Result<void> map_once() noexcept;
    HWALLOC_LOCAL int bracket(std::unique_lock<std::mutex>& held, unsigned access) noexcept;
    HWALLOC_LOCAL int start(std::unique_lock<std::mutex>& held, unsigned missing) noexcept;

    UniqueFd fd_;
    std::uint64_t inode_;
    std::size_t size_;
    bool readable_, writable_;
    std::atomic<std::uint32_t> references_{1};
    DmaBuf* next_ = nullptr; // in the table

    std::mutex access_; // guards what follows
    std::uint8_t* base_ = nullptr;
    std::uint32_t readers_ = 0, writers_ = 0;
    unsigned open_ = 0;     // directions that were started and not ended
    unsigned starting_ = 0; // directions that a thread is starting, without the lock
    std::condition_variable started_;
};

// One owner of a DmaBuf.
class DmaBufRef {
public:
    constexpr DmaBufRef() noexcept = default;
    DmaBufRef(const DmaBufRef& other) noexcept : buffer_(other.buffer_) {
        if (buffer_)
            buffer_->ref();
    }
    DmaBufRef(DmaBufRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
    DmaBufRef& operator=(DmaBufRef other) noexcept {
        std::swap(buffer_, other.buffer_);
        return *this;
    }
    ~DmaBufRef() {
        if (buffer_)
            buffer_->unref();
    }

    DmaBuf* get() const noexcept HWALLOC_LIFETIMEBOUND { return buffer_; }
    DmaBuf* operator->() const noexcept HWALLOC_LIFETIMEBOUND { return buffer_; }
    DmaBuf& operator*() const noexcept HWALLOC_LIFETIMEBOUND { return *buffer_; }
    explicit operator bool() const noexcept { return buffer_ != nullptr; }

private:
    friend class DmaBuf;
    explicit DmaBufRef(DmaBuf* buffer) noexcept : buffer_(buffer) {}

    DmaBuf* buffer_ = nullptr;
};

// What every allocator that takes dma-bufs begins with: the buffer, and the window asked for in it.
struct ImportedDmaBuf {
    DmaBufRef buffer;
    Geometry geometry; // of the whole buffer
};
// The arguments of ImportsDmaBuf::import_dmabuf, checked: known flags, a dma-buf (DmaBuf::import), a window
// inside it (`whole` for all of it). Thread-safe. Errors: invalid (unknown flags, not open, not a dma-buf,
// window outside), limit, exhausted.
HWALLOC_API Result<ImportedDmaBuf> take_import(int fd, std::size_t offset, std::size_t size,
                                               MemoryFlags flags) noexcept;

// On a Block: storage that is a dma-buf.
class HasDmaBuf {
public:
    static constexpr std::string_view extension_id = "hwalloc.has-dma-buf.v1";
    // Lent: lives at least as long as the block. Copy the DmaBufRef to keep the buffer longer.
    virtual const DmaBufRef& dma_buf() noexcept HWALLOC_LIFETIMEBOUND = 0;

protected:
    ~HasDmaBuf() = default;
};

// Storage that is a dma-buf: maps and unmaps by DmaBuf::begin_cpu_access and end_cpu_access, and lends the
// descriptor. Complete as it is; a backend with more to release (a GEM handle, a VkDeviceMemory) subclasses
// it.
class HWALLOC_API DmaBufBlock : public Block, public HasFd, public HasDmaBuf {
public:
    // A new block with `geometry` on `buffer`, which begins where the region begins and must hold
    // geometry.maxsize bytes. The root gets READONLY when the descriptor is not writable, and NOT_MAPPABLE
    // when it is not readable (mmap needs that: man 2 mmap, EACCES). Errors: incompatible (the buffer is
    // smaller), exhausted.
    static Result<Block*> make(Allocator& allocator, const Geometry& geometry, DmaBufRef buffer) noexcept;

    BorrowedFd block_fd(FdKind kind) noexcept override;
    const DmaBufRef& dma_buf() noexcept override { return buffer_; }

protected:
    // For subclasses; the rules of make() hold and are not checked.
    DmaBufBlock(Allocator& allocator, const Geometry& geometry, DmaBufRef buffer) noexcept;
    ~DmaBufBlock() override;

    Result<std::uint8_t*> mem_map_full(Memory& view, MapInfo& info, std::size_t maxsize) noexcept override;
    Result<void> mem_unmap_full(Memory& view, MapInfo& info) noexcept override;
    // HasFd and HasDmaBuf; a subclass that overrides it passes on to this one.
    void* do_extension(std::string_view id) noexcept override;

private:
    DmaBufRef buffer_;
};

} // namespace hwalloc
