// Graphics cards (DRM): dumb buffers as hwalloc memory, and any hwalloc memory as a GEM handle or a
// framebuffer of a card, without a copy. Asking for "drm-dumb/card0" by name needs none of this.
//
// Two ways to a card:
//   Device::open("card0")  an open file of the library's own, which is never DRM master: for memory
//   Device::wrap(fd)       the application's open file, which may be DRM master: for showing memory
//
// The way to the screen: memory -> Device::framebuffer() once for each buffer; then the application's own
// mode setting and page flips with Framebuffer::id().
//
// The rules of the kernel that this follows: Documentation/gpu/drm-uapi.rst, drm-kms.rst ("Dumb Buffer
// Objects") and drm-mm.rst ("PRIME Buffer Sharing").
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "hwalloc/allocator.h"
#include "hwalloc/export.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"
#include "hwalloc/participant.h"
#include "hwalloc/result.h"

namespace hwalloc::drm {

namespace detail {
struct File;
}

// A GEM handle: what a card calls a buffer within one open file. The kernel gives the same handle for the
// same buffer however often it is imported there and counts nothing, so that one GEM_CLOSE takes it from
// everybody. Here it is counted for each open file, in the whole process: the last GemHandle closes it.
//
// That counts what goes through this class alone. An application that has imported the same dma-buf into the
// same open file by a call of its own (drmPrimeFDToHandle) shares the handle without the library's knowing,
// and loses it with the last GemHandle: let gem_handle() do all imports on a file, or use another file.
//
// Move only. Keeps the open file open, and the buffer alive. Thread-safety: as an int; distinct objects may
// be used by distinct threads, also those of one buffer.
class HWALLOC_API GemHandle {
public:
    GemHandle() noexcept = default;
    GemHandle(GemHandle&& other) noexcept
        : file_(std::move(other.file_)), value_(std::exchange(other.value_, 0)) {}
    GemHandle& operator=(GemHandle&& other) noexcept {
        if (this != &other) {
            reset();
            file_ = std::move(other.file_);
            value_ = std::exchange(other.value_, 0);
        }
        return *this;
    }
    ~GemHandle() {
        if (value_ != 0)
            reset();
    }

    // For ioctls on the Device's descriptor. 0: none; the kernel never gives it out.
    std::uint32_t value() const noexcept { return value_; }
    explicit operator bool() const noexcept { return value_ != 0; }
    // Lets the handle go.
    void reset() noexcept;

private:
    friend struct detail::File;
    GemHandle(std::shared_ptr<detail::File> file, std::uint32_t value) noexcept;

    std::shared_ptr<detail::File> file_;
    std::uint32_t value_ = 0;
};

// A framebuffer of a card: what its screens can show. Move only. Keeps the open file open, and the memory
// alive with one handle. When it goes, the kernel forgets the framebuffer (DRM_IOCTL_MODE_RMFB), which turns
// off whatever still shows it: show another one first. Thread-safety: as an int.
class HWALLOC_API Framebuffer {
public:
    Framebuffer() noexcept = default;
    Framebuffer(Framebuffer&& other) noexcept
        : memory_(std::move(other.memory_))
        , handle_(std::move(other.handle_))
        , file_(std::move(other.file_))
        , id_(std::exchange(other.id_, 0)) {}
    Framebuffer& operator=(Framebuffer&& other) noexcept {
        if (this != &other) {
            reset();
            memory_ = std::move(other.memory_);
            handle_ = std::move(other.handle_);
            file_ = std::move(other.file_);
            id_ = std::exchange(other.id_, 0);
        }
        return *this;
    }
    ~Framebuffer() { reset(); }

    // For mode setting and page flips on the Device's descriptor. 0: none.
    std::uint32_t id() const noexcept { return id_; }
    explicit operator bool() const noexcept { return id_ != 0; }
    // The handle of the memory on that file.
    const GemHandle& handle() const noexcept { return handle_; }
    // Removes it.
    void reset() noexcept;

private:
    friend class Device;

    MemoryRef memory_;
    GemHandle handle_;
    std::shared_ptr<detail::File> file_;
    std::uint32_t id_ = 0;
};

// An open file of a card. Copies share it; it is closed with the last Device, GemHandle, Framebuffer,
// allocator and Memory of it. Thread-safety: every function may be called by any thread at any time.
class HWALLOC_API Device {
public:
    // A new open file of the library's own, on the card's primary node: by node ("card0", "/dev/dri/card0")
    // or by its driver's name ("virtio_gpu"), the first of several. The kernel makes whoever opens a card
    // first its DRM master; this file gives that up at once, so as to be in no compositor's way, and cannot
    // set modes. Errors: unavailable (no such card), permission (with the node's owner and mode), exhausted.
    static Result<Device> open(std::string_view which) noexcept;
    // The application's open file. A duplicate of `fd` is kept, so that the application may close its own at
    // any time: the file stays open, and DRM master if it was, as long as anything of this Device lives. All
    // descriptors of one open file (dup, SCM_RIGHTS, fork) share its handles and framebuffers, and it does
    // not matter which is given. Errors: invalid (not open, or not a card's), unsupported (the kernel cannot
    // tell whether two descriptors are one file, and it matters here), exhausted.
    static Result<Device> wrap(int fd) noexcept;

    // The descriptor for ioctls, lent: open as long as this object lives.
    int fd() const noexcept;
    // The driver's own name (DRM_IOCTL_VERSION), such as "virtio_gpu" or "i915".
    const std::string& driver() const noexcept;
    // The node, "/dev/dri/card0"; whatever /proc shows for wrap().
    const std::string& node() const noexcept;

    // `memory`'s GEM handle on this file: its own where a dumb buffer of this file is behind it, else by
    // importing its dma-buf. It stands for the whole storage; where the memory's window begins in it says
    // borrow_fd(). Errors: unsupported (the memory is no dma-buf), incompatible (the card does not
    // take this buffer: with the causes that the errno leaves), exhausted, device lost.
    Result<GemHandle> gem_handle(Memory& memory) noexcept;
    // The picture in `memory` as a framebuffer (DRM_IOCTL_MODE_ADDFB2). All planes are in this one memory,
    // counted from the beginning of its window. layout.modifier is told to drivers that know modifiers;
    // linear is taken to be what all others mean. Needs no DRM master. Errors: as gem_handle(); invalid (a
    // plane outside the memory, no pixels), limit (more handles of the memory than there can be), unsupported
    // (a card without screens, a modifier on a driver that knows none), incompatible (a format, size or pitch
    // that the driver cannot show).
    Result<Framebuffer> framebuffer(Memory& memory, const ImageLayout& layout) noexcept;
    // A new allocator of dumb buffers on this very file, which is registered under no name. It allocates
    // bytes and images (AllocatesImages), imports dma-bufs (ImportsDmaBuf) and describes itself (Describes);
    // gem_handle() of its memory costs no import. Error: exhausted. Whether the card makes dumb buffers shows
    // at the first alloc(), or by Describes::available().
    Result<AllocatorRef> dumb_allocator() noexcept;

private:
    explicit Device(std::shared_ptr<detail::File> file) noexcept;

    std::shared_ptr<detail::File> file_;
};

// ---- in plans

enum class CardUse : std::uint8_t {
    import,      // memory becomes a GEM handle
    framebuffer, // and a framebuffer of it, which screens can show
};

// A card as a participant of plans (hwalloc/plan.h). Brings the card's dumb buffers. Thread-safe. Errors:
// exhausted.
HWALLOC_API Result<ParticipantRef> participant(const Device& device, CardUse use) noexcept;

} // namespace hwalloc::drm
