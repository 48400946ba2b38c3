// Video outputs: frames sent through Video4Linux out of dma-bufs of any allocator. A screen behind a capture
// card's output, a loopback that another program captures from, the input side of an encoder.
//
// The order of calls:
//   open -> negotiate -> (allocate) -> bind -> start -> { fill -> queue -> dequeue }... -> stop -> close
// After bind() the application holds every buffer. It fills one and queues it; the driver reads it, and
// dequeue() says that it is free again. Several may be under way: queue all that are filled, then dequeue one
// for each that is to be filled next. In an event loop wait until fd() is ready to be written (POLLOUT), and
// call dequeue(0).
//
// Of a device from memory to memory (an encoder, a decoder, a scaler) this is the queue that it reads, and
// no more: what it makes comes out of the other queue of the same open file, which neither Output nor Camera
// gives (Camera::open() and adopt() refuse such a node, unsupported). Formats are set and memory is bound and
// queued all the same; but the kernel starts most such devices only when both queues stream and have buffers
// (Linux drivers/media/v4l2-core/v4l2-mem2mem.c, __v4l2_m2m_try_queue), and until then no buffer comes back.
// So open the node yourself, give adopt() a duplicate of the descriptor (dup(), which makes the open file
// non-blocking for both), and use the other queue, and it alone, by V4L2's calls on yours.
//
// Three ways, as for cameras: the driver imports the memory (bind()); it imports nothing and exports its own
// (bind_own()); or the CPU copies each frame into the driver's buffers, where that is allowed, and it is
// counted (allow_copies()).
//
// The rules of the kernel that this follows: Documentation/userspace-api/media/v4l/ (dev-output.rst,
// dmabuf.rst, vidioc-qbuf.rst).
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "hwalloc/export.h"
#include "hwalloc/memory.h"
#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"
#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2 {

// One open output, or the queue that a device from memory to memory reads (above). Not for two threads at
// once. Errors name the device, the call, the errno and what to do; after an error nothing has changed unless
// the function says so. In a child of fork() what would call the driver is refused (invalid), as of a Camera.
class HWALLOC_API Output {
public:
    // Opens a node that takes video and streams. Errors: unavailable (no such node), permission (with its
    // owner and mode), unsupported (it takes no video), busy.
    static Result<Output> open(const std::string& path) noexcept;
    static Result<Output> open(const char* path) noexcept; // invalid where it is null
    // Takes over an open file, as Camera::adopt() does, with the same rules and errors.
    static Result<Output> adopt(UniqueFd fd) noexcept;
    // As close(); what the driver answers is lost.
    ~Output();
    Output(Output&&) noexcept;
    Output& operator=(Output&&) noexcept;

    const DeviceInfo& info() const noexcept HWALLOC_LIFETIMEBOUND;
    // The open file, to be waited for only; -1 when closed.
    int fd() const noexcept;
    // Those that it takes. Errors: as Camera::list_formats().
    Result<std::vector<FormatInfo>> list_formats() noexcept;

    // Sets format and rate, and returns what the driver made of it, which is what has to be sent: look. Only
    // with nothing bound. Errors: as Camera::negotiate().
    Result<CaptureFormat> negotiate(const FormatRequest& request) noexcept;
    // The answer of the last negotiate(); null before it.
    const CaptureFormat* format() const noexcept HWALLOC_LIFETIMEBOUND;
    // How many buffers the driver must have before it begins; bind one more at least
    // (V4L2_CID_MIN_BUFFERS_FOR_OUTPUT; 1 where the driver does not tell).
    std::uint32_t min_buffers() noexcept;

    // Whether frames may be copied where the driver imports no dma-bufs: by the CPU, in queue(), out of the
    // bound memory, which may then be any that can be mapped for reading. From the next bind() on; false at
    // first. A driver that imports copies nothing.
    void allow_copies(bool allowed) noexcept;
    // Whether they are: memory is bound, and the driver imports nothing.
    bool copies_frames() const noexcept;
    // Frames that were copied since bind().
    std::uint64_t copies() const noexcept;

    // Binds memories[i] to index i for good, and imports them all. The application holds them then: nothing
    // is sent. Each memory needs a dma-buf of its own with the image at its start, and room for
    // memory_sizes bytes. Where the driver reads by the CPU and devices may not see its caches, queue()
    // and dequeue() make the exporter's calls around that. On an error nothing is bound. Errors: as
    // Camera::bind(), but memory that is read-only will do; limit, too, where frames are copied and the
    // driver has fewer buffers.
    Result<void> bind(std::span<const MemoryRef> memories) noexcept;
    Result<void> bind(std::initializer_list<std::reference_wrapper<const MemoryRef>> memories) noexcept;
    // Has the driver make buffers of its own, exports and binds them: v4l2::bind_own() for an output, with
    // the same rules, life times and errors, of the allocator "v4l2/videoN". The application holds them then.
    Result<std::uint32_t> bind_own(std::uint32_t count) noexcept;
    // Ends the use of the bound memory and lets it go; stops first. Even on an error the handles are
    // released.
    Result<void> unbind() noexcept;
    std::uint32_t bound() const noexcept; // buffers; 0 when none
    // The memory bound to an index, of several the one with this number; null outside.
    Memory* memory(std::uint32_t index, std::uint32_t which = 0) const noexcept HWALLOC_LIFETIMEBOUND;

    // Starts streaming; what was queued before is sent. Errors: invalid (nothing bound, streaming already),
    // and what the driver answers.
    Result<void> start() noexcept;
    // Stops streaming. What was queued is not sent any more, and the application holds all.
    Result<void> stop() noexcept;
    // Sends a frame: the first `bytes` of the memory at `index`; 0: a whole image. Of one in several memories
    // that is the first of them, and of the others all is sent. End CPU access first
    // (unmap), and wait for a GPU that draws it: V4L2 waits for no fence. The memory is the driver's until
    // dequeue() names it. One system call, and two more where a frame is copied out of a dma-buf; nothing is
    // allocated. Errors: invalid (not held by the application, the child of fork, or more bytes than the
    // memory has), conflict (its memory is mapped, as of Camera::queue()), those of Memory::map() where
    // frames are copied, and what the driver answers.
    Result<void> queue(std::uint32_t index, std::uint64_t bytes = 0) noexcept;
    // Waits until the driver has read a frame, as Camera::dequeue() waits for one, and returns it: the index
    // is the application's again. `error`: it may not have been shown; `sequence` and the time are the
    // driver's. Two system calls, one where it only looks. Errors: as there, but for changes of the source;
    // invalid, too, when nothing is queued. A device from memory to memory, whose other queue may hold it up,
    // too, is waited for in any case, however few are queued: give a timeout.
    Result<Frame> dequeue(int timeout_ms) noexcept;

    // Unbinds, and closes the node.
    Result<void> close() noexcept;

private:
    HWALLOC_LOCAL explicit Output(Camera queue) noexcept;
    // A queue is one for whoever has its buffers; only the direction differs.
    Camera queue_;
};

} // namespace hwalloc::v4l2
