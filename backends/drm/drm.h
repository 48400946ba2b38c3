// Graphics cards (DRM): dumb buffers as hwalloc memory, and any hwalloc memory as a GEM handle or a
// framebuffer of a card, without a copy. Asking for "drm-dumb/card0" by name needs none of this.
//
// Two ways to a card:
//   Device::open("card0")  an open file of the library's own, which is never DRM master: for memory
//   Device::wrap(fd)       the application's open file, which may be DRM master: for showing memory
//
// The way to the screen: memory -> Device::framebuffer() once for each buffer; then the application's own
// mode setting and page flips, on its own descriptor, with Framebuffer::id(), which every open file of the
// card knows.
//
// The rules of the kernel that this follows: Documentation/gpu/drm-uapi.rst, drm-kms.rst ("Dumb Buffer
// Objects") and drm-mm.rst ("PRIME Buffer Sharing").
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "hwalloc/allocator.h"
#include "hwalloc/export.h"
#include "hwalloc/image.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"
#include "hwalloc/participant.h"
#include "hwalloc/result.h"

namespace hwalloc::drm {

namespace detail {
struct File;
}

// A GEM handle: what a card calls a buffer within one open file. The kernel gives the same handle for the
// same buffer however often it is imported there and does not count, so that one GEM_CLOSE takes it from
// everybody. Here its owners are counted for each open file, in the whole process: the last GemHandle closes
// it.
//
// Device::open() and Device::wrap() have open files of the library's own, so that no handle of the
// application's is ever among them. On a file that both use (HandlesOn::given_file, or the application's own
// ioctls on Device::fd()) the count has to know the application's handles: see Device::adopt_handle().
//
// Move only. Keeps the open file open, and the buffer alive. In a child of fork(), which has its parent's
// open file, it goes without closing anything. Thread-safety: as an int; distinct objects may be used by
// distinct threads, also those of one buffer.
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
    // Puts the handle: the last owner closes it.
    void reset() noexcept;
    // Gives the handle to the caller, who closes it (DRM_IOCTL_GEM_CLOSE, gbm_bo_destroy()): no other
    // GemHandle that there is of it does any more. 0: there was none.
    std::uint32_t release() noexcept;

private:
    friend struct detail::File;
    GemHandle(std::shared_ptr<detail::File> file, std::uint32_t value) noexcept;

    std::shared_ptr<detail::File> file_;
    std::uint32_t value_ = 0;
};

// A framebuffer of a card: what its screens can show. Move only. Keeps the open file open, and each memory
// alive with one handle. When it is destroyed, the kernel forgets the framebuffer (DRM_IOCTL_MODE_RMFB),
// which turns off whatever still shows it: show another one first. Thread-safety: as an int.
class HWALLOC_API Framebuffer {
public:
    Framebuffer() noexcept = default;
    Framebuffer(Framebuffer&& other) noexcept
        : memories_(std::move(other.memories_))
        , handles_(std::move(other.handles_))
        , file_(std::move(other.file_))
        , id_(std::exchange(other.id_, 0)) {}
    Framebuffer& operator=(Framebuffer&& other) noexcept {
        if (this != &other) {
            reset();
            memories_ = std::move(other.memories_);
            handles_ = std::move(other.handles_);
            file_ = std::move(other.file_);
            id_ = std::exchange(other.id_, 0);
        }
        return *this;
    }
    ~Framebuffer() { reset(); }

    // For mode setting and page flips on any descriptor of the card, the application's own above all;
    // drmModeRmFB() is refused elsewhere than on Device::fd(). 0: none.
    std::uint32_t id() const noexcept { return id_; }
    explicit operator bool() const noexcept { return id_ != 0; }
    // The handle of the memory on that file, of several the one with this number, which is below 4.
    const GemHandle& handle(std::uint32_t which = 0) const noexcept HWALLOC_LIFETIMEBOUND {
        return handles_[which];
    }
    // Removes it.
    void reset() noexcept;

private:
    friend class Device;

    std::array<MemoryRef, ImageLayout::max_planes> memories_;
    std::array<GemHandle, ImageLayout::max_planes> handles_; // of each memory
    std::shared_ptr<detail::File> file_;
    std::uint32_t id_ = 0;
};

// On which open file of the card a wrapped Device has its GEM handles and framebuffers.
enum class HandlesOn : std::uint8_t {
    // One of the library's own, so that no handle of the application's is ever closed. The kernel makes it by
    // opening /proc/self/fd/N, which takes the right to open the node; else, for a DRM master, by a lease
    // without objects (Linux 5.16), which the application's drmModeListLessees() shows.
    own_file,
    // The application's: for a sandbox that lets neither through, or where a GEM handle itself is needed on
    // that file (drmModeSetCursor()). PRIME then gives out handles that the application may have too, so it
    // tells those by adopt_handle() before the same buffer is imported here.
    given_file,
};

// An open file of a card. Copies share it; it is closed with the last Device, GemHandle, Framebuffer,
// allocator and Memory of it. What was moved from has no file: its answers are empty, fd() is -1, and all
// else is refused (invalid). Thread-safety: every function may be called by any thread at any time.
class HWALLOC_API Device {
public:
    // A new open file of the library's own, on the card's primary node: by node ("card0", "/dev/dri/card0")
    // or by its driver's name ("virtio_gpu"), the first of several. The kernel makes whoever opens a card
    // first its DRM master; this file gives that up at once, so as to be in no compositor's way, and cannot
    // set modes. Errors: unavailable (no such card), permission (with the node's owner and mode), exhausted.
    static Result<Device> open(std::string_view which) noexcept;
    static Result<Device> open(const char* which) noexcept { // invalid where it is null
        return which ? open(std::string_view(which)) : Error(ErrorKind::invalid, "no card is named");
    }
    // The card behind the application's descriptor, which stays the application's: it may be closed at any
    // time. Where the Device's handles are says `where`. With given_file a duplicate of `fd` is kept: the
    // file stays open, and DRM master if it was, as long as anything of this Device lives; all descriptors of
    // one open file (dup, SCM_RIGHTS, fork) share its handles, and it does not matter which is given. Errors:
    // invalid (not open, or not a card's), exhausted; own_file: permission and what else open() answers;
    // given_file: unsupported (the kernel cannot tell whether two descriptors are one file, and it matters
    // here).
    static Result<Device> wrap(int fd, HandlesOn where = HandlesOn::own_file) noexcept;

    // The descriptor of the open file that handles and framebuffers are on, for ioctls, lent: open as long as
    // this object lives. Not that of wrap(), which alone may be DRM master, unless it was for given_file.
    int fd() const noexcept;
    // The driver's own name (DRM_IOCTL_VERSION), such as "virtio_gpu" or "i915".
    const std::string& driver() const noexcept HWALLOC_LIFETIMEBOUND;
    // The node, "/dev/dri/card0"; whatever /proc shows for wrap().
    const std::string& node() const noexcept HWALLOC_LIFETIMEBOUND;

    // `memory`'s GEM handle on this file: its own where a dumb buffer of this file is behind it, else by
    // importing its dma-buf. It stands for the whole storage; borrow_fd() says where the memory's
    // window begins in it. Errors: unsupported (the memory is no dma-buf), incompatible (the card does not
    // take this buffer: with the causes that the errno leaves), exhausted, device lost, invalid (opened
    // before a fork(), by the parent).
    Result<GemHandle> gem_handle(Memory& memory) noexcept;
    Result<GemHandle> gem_handle(const MemoryRef& memory) noexcept { // invalid where it holds no memory
        return memory ? gem_handle(*memory) : Error(ErrorKind::invalid, "there is no memory");
    }
    // One GemHandle for a handle that the application made on fd() by an ioctl of its own
    // (drmPrimeFDToHandle(), a dumb buffer, GBM): as long as it lives, no other owner closes the handle. The
    // application ends it by GemHandle::release() just before it closes the handle itself, or by reset() and
    // then closes nothing. Errors: invalid (no such handle, or one that the driver cannot export), exhausted.
    Result<GemHandle> adopt_handle(std::uint32_t handle) noexcept;
    // The picture in `memory` as a framebuffer (DRM_IOCTL_MODE_ADDFB2). All planes are in this one memory,
    // counted from the beginning of its window; for a picture in several, see below. layout.modifier is told
    // to drivers that know modifiers; all others are taken to mean linear. Needs no DRM master. Errors: as
    // gem_handle(); invalid (a plane outside the memory, no pixels), limit (more handles of the memory than
    // there can be), unsupported (a card without screens, a modifier on a driver that knows none),
    // incompatible (a format, size or pitch that the driver cannot show).
    Result<Framebuffer> framebuffer(Memory& memory, const ImageLayout& layout) noexcept;
    Result<Framebuffer> framebuffer(const MemoryRef& memory, // invalid where it holds no memory
                                    const ImageLayout& layout) noexcept {
        return memory ? framebuffer(*memory, layout) : Error(ErrorKind::invalid, "there is no memory");
    }
    // The same for a picture in as many memories as image.layout says: a GEM handle for each plane's. Errors:
    // those, and invalid (a memory is missing, or a plane is in none of them).
    Result<Framebuffer> framebuffer(const Image& image) noexcept;
    // A new allocator of dumb buffers on this very file, which is registered under no name. It allocates
    // bytes and images (AllocatesImages), imports dma-bufs (ImportsDmaBuf) and describes itself (Describes);
    // gem_handle() of its memory costs no import. Error: exhausted. Whether the card makes dumb buffers shows
    // at the first alloc(), or by Describes::available().
    Result<AllocatorRef> dumb_allocator() noexcept;

private:
    explicit Device(std::shared_ptr<detail::File> file) noexcept;
    Result<Framebuffer> framebuffer_of(std::span<Memory* const> memories, const ImageLayout& layout) noexcept;

    std::shared_ptr<detail::File> file_;
};

// ---- in plans

enum class CardUse : std::uint8_t {
    import,      // memory becomes a GEM handle
    framebuffer, // and a framebuffer of it, which screens can show
};

// A card as a participant of plans (hwalloc/plan.h). Brings the card's dumb buffers. Thread-safe. Errors:
// invalid (moved from), exhausted.
HWALLOC_API Result<ParticipantRef> participant(const Device& device, CardUse use) noexcept;

} // namespace hwalloc::drm
