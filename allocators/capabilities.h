// Everything an allocator or its memory may be able to do beyond the contract. Each capability is an
// interface: Allocator::extension<I>() or Block::extension<I>() gives it, or null where it is not there, so
// that it cannot be claimed falsely. Interfaces never grow; a larger one gets a new id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hwalloc/export.h"
#include "hwalloc/memory.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {

// An honest answer about memory.
enum class Answer : std::uint8_t { no, yes, unknown };

// Which caches DMA_BUF_IOCTL_SYNC really maintains (Linux Documentation/driver-api/dma-buf.rst, "CPU Access
// to DMA Buffer Objects", and each exporter's begin_cpu_access).
enum class SyncQuality : std::uint8_t {
    unknown,
    importer_aware, // for every device that has it mapped: right on any machine
    exporter_only,  // for the exporter's own device only: right where DMA is coherent
    fence_only,     // waits for fences, maintains nothing
    none,           // no sync call, none needed or none possible
};

// What memory of an allocator is like.
struct Properties {
    Answer contiguous = Answer::unknown; // one run of physical addresses
    Answer cached = Answer::unknown; // CPU reads go through the cache (fast); no = write-combined or uncached
    Answer device_local = Answer::unknown; // lives in a device's own memory
    SyncQuality sync = SyncQuality::unknown;
    std::size_t granule = 1;                             // sizes are rounded up to this many bytes
    std::size_t max_size = static_cast<std::size_t>(-1); // largest single allocation, in bytes
    // Order among allocators that would do: lower is tried first. Memory a device owns 10, scatter heap 20,
    // udmabuf 30, contiguous heap 40 (scarce), dumb buffers 50; memory that cannot be exported 100 and more.
    int cost = 100;
};

// On an Allocator: what it is, and whether it can work for this process now.
class Describes {
public:
    static constexpr std::string_view extension_id = "hwalloc.describes.v1";
    virtual Properties properties() noexcept = 0;
    // Which operations it claims; the contract suite and `hwalloc check` hold it to that.
    struct Claims {
        bool alloc = false, map = false, export_dmabuf = false, export_memfd = false, import_dmabuf = false,
             image = false;
    };
    virtual Claims claims() noexcept = 0;
    // Opens what it would open and tells why it cannot: node, owner, mode, remedy. Allocates nothing.
    virtual Result<void> available() noexcept = 0;

protected:
    ~Describes() = default;
};

// On an Allocator: keeps its device open between allocations. The registry calls it when devices come and go,
// with no lock held. Memory that was allocated keeps by itself what it needs of the device.
class KeepsDevice {
public:
    static constexpr std::string_view extension_id = "hwalloc.keeps-device.v1";
    // Closes what is open when its device is gone, or when another has taken its place. Whether a device is
    // open after that, and there: its name stays, even if this process cannot see the node any more (in a
    // sandbox that it entered).
    virtual bool recheck_device() noexcept = 0;
    // Closes what is open; the next allocation opens it anew.
    virtual void close_device() noexcept = 0;

protected:
    ~KeepsDevice() = default;
};

enum class FdKind : std::uint8_t { dmabuf, memfd };

// A descriptor of a memory's storage, lent.
struct BorrowedFd {
    FdKind kind;
    int fd;             // owned by the memory: valid as long as it lives; dup it to keep it longer
    std::size_t offset; // of the memory's window in the descriptor's object, in bytes
    std::size_t size;   // of the window
    bool writable;      // the descriptor's access mode allows PROT_WRITE and device writes
};

// On a Block: storage that has a descriptor.
class HasFd {
public:
    static constexpr std::string_view extension_id = "hwalloc.has-fd.v1";
    // The descriptor of that kind, lent, with the region's own offset in it; fd is -1 when there is none of
    // that kind. borrow_fd() adds the window.
    virtual BorrowedFd block_fd(FdKind kind) noexcept = 0;

protected:
    ~HasFd() = default;
};

// The descriptor of the storage behind `memory`, lent. Error: unsupported, when it has none of that kind.
HWALLOC_API Result<BorrowedFd> borrow_fd(const Memory& memory, FdKind kind) noexcept;
// A duplicate (O_CLOEXEC) that the caller owns and closes. Errors: unsupported, exhausted (EMFILE), and
// invalid when the descriptor that was lent has been closed by somebody, or is another file by now.
HWALLOC_API Result<UniqueFd> export_fd(const Memory& memory, FdKind kind) noexcept;
// The same; invalid where the handle holds no memory.
inline Result<BorrowedFd> borrow_fd(const MemoryRef& memory, FdKind kind) noexcept {
    return memory ? borrow_fd(*memory, kind) : Error(ErrorKind::invalid, "there is no memory");
}
inline Result<UniqueFd> export_fd(const MemoryRef& memory, FdKind kind) noexcept {
    return memory ? export_fd(*memory, kind) : Error(ErrorKind::invalid, "there is no memory");
}

// On an Allocator: takes dma-bufs from elsewhere.
class ImportsDmaBuf {
public:
    static constexpr std::string_view extension_id = "hwalloc.imports-dmabuf.v1";
    // Memory on the dma-buf `fd`, which stays the caller's (a duplicate is kept). The window is
    // [offset, offset + size) of the buffer, `whole` for all of it. READONLY is added when the descriptor is
    // read-only. Checked before use: it is a dma-buf, its real size, its access mode. Errors: invalid (not a
    // dma-buf, window outside), incompatible (the device refuses it), exhausted.
    virtual Result<MemoryRef> import_dmabuf(int fd, std::size_t offset, std::size_t size,
                                            MemoryFlags flags) noexcept = 0;

protected:
    ~ImportsDmaBuf() = default;
};

// Memory on a dma-buf from elsewhere, by the allocator registered as "dmabuf"; see
// ImportsDmaBuf::import_dmabuf.
HWALLOC_API Result<MemoryRef> import_dmabuf(int fd, std::size_t offset = 0, std::size_t size = whole,
                                            MemoryFlags flags = MemoryFlags::none) noexcept;

// On the allocator that is the built-in default: wraps memory that the caller provides. See new_wrapped().
class WrapsHostMemory {
public:
    static constexpr std::string_view extension_id = "hwalloc.wraps-host-memory.v1";
    virtual Result<MemoryRef> wrap(MemoryFlags flags, void* data, std::size_t maxsize, std::size_t offset,
                                   std::size_t size, void* user_data, void (*notify)(void*)) noexcept = 0;

protected:
    ~WrapsHostMemory() = default;
};

} // namespace hwalloc
