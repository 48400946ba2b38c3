// Cameras: capture through Video4Linux into dma-bufs of any allocator, without a copy.
//
// The order of calls:
//   open -> negotiate -> (allocate) -> bind -> start -> { dequeue -> use -> queue }... -> stop -> close
// Or, in place of the braces: { take -> use }..., where each frame goes back by itself. In an event loop:
// { wait until fd() is ready -> dequeue(0) or take(0) -> use -> queue }...
//
// The rules of the kernel that this follows: Documentation/userspace-api/media/v4l/ (dmabuf.rst,
// vidioc-qbuf.rst, vidioc-reqbufs.rst, vidioc-create-bufs.rst).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hwalloc/capabilities.h"
#include "hwalloc/export.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"
#include "hwalloc/participant.h"
#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"
#include "hwalloc/v4l2_formats.h"
#include "hwalloc/v4l2_frames.h"

namespace hwalloc::v4l2 {

// ---- finding cameras

struct CameraEntry {
    std::string path; // "/dev/video0"
    std::string card; // what the driver calls the device; empty when unknown
    std::string driver;
    std::string bus;
    std::optional<Error> why; // why it cannot be used as it is; empty when it can be opened
    // Whether its driver imports dma-bufs, and exports its own buffers as such: `no`, or `unknown`, where
    // nothing speaks against it. Without import frames are in the latter (hwalloc/v4l2_own_buffers.h); with
    // neither they can only be copied (Camera::allow_copies()).
    Answer imports = Answer::unknown, exports = Answer::unknown;
};

// Every node that captures video, "/dev/video2" before "/dev/video10". Found through udev; where udev knows
// nothing (in a container), by listing /dev. Opens each node for a moment. Nodes that can be opened and do
// not capture are left out; those that cannot be opened are listed with the reason, as those are that capture
// by read() only (unsupported). So are those that deliver nothing until somebody has set up the pipeline in
// front of them (V4L2_CAP_IO_MC; libcamera does that), and those without a signal at their input, which can
// be opened all the same. Error: exhausted.
HWALLOC_API Result<std::vector<CameraEntry>> list_cameras() noexcept;

// ---- what a camera offers

struct DeviceInfo {
    std::string path, driver, card, bus;
    bool multi_planar = false; // it speaks the multi-planar API; no difference to the caller
};

struct CaptureFormat {
    std::uint32_t pixel_format = 0; // V4L2's code
    // In layout.memory_count memories, each of which must have layout.memory_sizes bytes at least (V4L2's
    // sizeimage). Colours are filled in by V4L2's rules where the driver leaves them to the default: never
    // unspecified. fourcc is 0 where drm_fourcc.h has no such format, and where the size is odd, pixels share
    // chroma, and the driver has no room for all of it: such a frame can be written as it is, and is
    // converted and shared by nobody.
    ImageLayout layout{};
    FrameRate rate{}; // 0/0: the driver does not tell; where each frame is one field, fields a second
    Field field = Field::progressive;
};

// V4L2's code for a format by its name in drm_fourcc.h, and back; 0 where the other side has none. Formats of
// one memory only.
HWALLOC_API std::uint32_t pixel_format_of_drm(std::uint32_t drm_fourcc) noexcept;
HWALLOC_API std::uint32_t drm_of_pixel_format(std::uint32_t pixel_format) noexcept;

// ---- capturing

// One open camera. Not for two threads at once; the allocator "v4l2/videoN" of the same camera, which makes
// its buffers through this open file, may be used by others meanwhile, but while memory is bound it answers
// busy. Errors name the device, the call, the errno and what to do; after an error nothing has changed unless
// the function says so. "device lost" means the camera is gone: only close() and the destructor make sense
// then.
//
// A child of fork() has one open file of the camera with its parent, whose stream goes on whatever the child
// does: what would call the driver is refused there (invalid); unbind() is, too, and lets go of the child's
// handles, as close() does; open() opens the node anew.
class HWALLOC_API Camera {
public:
    // Opens the node of a device that captures video and streams; where a participant that was found by name
    // has it open already (participant_of("v4l2/video0")), this is that open file, and the two are one to
    // threads, too: not for two at once. Errors: unavailable (no such node), permission (with its owner and
    // mode), unsupported (no camera), busy.
    static Result<Camera> open(const std::string& path) noexcept;
    static Result<Camera> open(const char* path) noexcept; // invalid where it is null
    // Takes over the open file of a camera's node, as a portal or a service that may open it hands it on;
    // info().path is what the kernel calls the node. Nothing may be reserved and streaming on it, and nobody
    // else may use this open file: a duplicate of the descriptor is the same one. It becomes non-blocking.
    // The descriptor is closed by close(), and on an error. Errors: invalid (no descriptor), conflict (a
    // Camera or Output of this process has this open file), unsupported (no camera), and what the kernel
    // answers.
    static Result<Camera> adopt(UniqueFd fd) noexcept;
    // As close(); what the driver answers is lost.
    ~Camera();
    Camera(Camera&&) noexcept;
    Camera& operator=(Camera&&) noexcept;

    const DeviceInfo& info() const noexcept HWALLOC_LIFETIMEBOUND;
    // The open file, for an event loop to wait at (poll, epoll, io_uring); -1 when closed. It is the camera's
    // until close(): to be waited for, not to be read or closed, and taken out of the loop before close().
    // While streaming wait for POLLIN and POLLPRI, and call dequeue(0) whenever it is ready, whatever for:
    // POLLPRI is a change of the source, POLLERR and POLLHUP, which come unasked, are errors, and dequeue(0)
    // tells of each. Level-triggered it stays ready as long
    // as there is a frame; edge-triggered call dequeue(0) until it is busy. A wait and dequeue(0) and queue()
    // are three system calls a frame. While the camera is not streaming, drivers report POLLERR for ever:
    // take it out of the loop then.
    int fd() const noexcept;
    // The pixel formats in the driver's order, with their sizes; 1024 of each at most. Errors: what the
    // driver answers; exhausted.
    Result<std::vector<FormatInfo>> list_formats() noexcept;
    // The rates of one format and size, in the driver's order; none where the driver does not tell. Errors:
    // what the driver answers, but not for a format or size that it does not have; exhausted.
    Result<std::vector<RateRange>> list_rates(std::uint32_t pixel_format, std::uint32_t width,
                                              std::uint32_t height) noexcept;

    // Sets format and rate, and returns what the driver made of it: size, stride, rate, fields and even the
    // pixel format may differ from the request, so look. Only with nothing bound. Errors: busy (another
    // program holds the camera), invalid, unsupported (an image in more than 4 memories), incompatible (an
    // answer that makes no sense).
    Result<CaptureFormat> negotiate(const FormatRequest& request) noexcept;
    // The answer of the last negotiate(); null before it.
    const CaptureFormat* format() const noexcept HWALLOC_LIFETIMEBOUND;
    // What the device is set to, whoever set it. Changes nothing. Errors: as negotiate(), but never busy.
    Result<CaptureFormat> current_format() noexcept;

    // How many buffers the driver keeps to itself while streaming; bind one more at least
    // (V4L2_CID_MIN_BUFFERS_FOR_CAPTURE; 1 where the driver does not tell).
    std::uint32_t min_buffers() noexcept;
    // Whether frames may be copied where the driver imports no dma-bufs: by the CPU, in dequeue(), out of the
    // driver's buffers into the bound memory, which may then be any that can be mapped for writing. From the
    // next reserve() or bind() on; false at first. All else stays as it is: the application queues what it
    // has used, and holds as many frames as it has bound memory for. A driver that imports copies nothing.
    void allow_copies(bool allowed) noexcept;
    // Whether they are: memory is reserved or bound, and the driver imports nothing.
    bool copies_frames() const noexcept;
    // Frames that were copied since bind().
    std::uint64_t copies() const noexcept;
    // Asks the driver for `count` buffers to import into, and returns how many it really wants: bind() must
    // be given exactly that many. Errors: unsupported (the driver cannot import, and copies are not allowed),
    // busy (somebody else's buffers are there), invalid (no format negotiated, or memory is bound already),
    // exhausted.
    Result<std::uint32_t> reserve(std::uint32_t count) noexcept;
    // Binds memories[i] to index i for good, imports them all, and queues them; reserves by itself what was
    // not reserved. Where the format has several memories: those of buffer 0 first, then those of buffer 1,
    // as Plan::allocate() gives them. Of a driver that fills memory by the CPU, and on an architecture on
    // which devices may not see the CPU's caches, the camera makes the exporter's calls around what the
    // driver does (DMA_BUF_IOCTL_SYNC): one more system call in queue() and one in dequeue(), and queue()
    // waits for fences of devices in the buffer. Each memory needs a dma-buf of its own, open for writing,
    // with the image at its start (borrow_fd() offset 0) and room for memory_sizes bytes. The camera holds a
    // handle on each until unbind(). On an error nothing is bound or reserved. Errors:
    //   invalid       another number than reserved, or no whole buffers, no format, bound already, the same
    //                 dma-buf twice
    //   unsupported   memory without a dma-buf, or a driver that cannot import and copies are not allowed;
    //                 where frames are copied: memory that cannot be mapped
    //   permission    memory that is read-only
    //   incompatible  too small, or refused by the device. Where the kernel answers EFAULT, the cause is
    //                 looked for: the size is checked, then needs_contiguous_memory() is asked; the message
    //                 says "contiguous" only when that established it, and names the candidates otherwise
    //   limit         the driver wants more buffers than were given
    Result<void> bind(std::span<const MemoryRef> memories) noexcept;
    // The same for memories in braces: camera.bind({first, second}).
    Result<void> bind(std::initializer_list<std::reference_wrapper<const MemoryRef>> memories) noexcept;
    // Ends the use of the bound memory and lets it go; stops first. Never fails the caller's memory: even on
    // an error the handles are released.
    Result<void> unbind() noexcept;
    // Bound buffers; 0 when none.
    std::uint32_t bound() const noexcept;
    // The memory bound to an index, of several the one with this number; null outside.
    Memory* memory(std::uint32_t index, std::uint32_t which = 0) const noexcept HWALLOC_LIFETIMEBOUND;

    // Starts streaming; queues what the application does not hold. Errors: invalid (nothing bound, streaming
    // already), and what the driver answers.
    Result<void> start() noexcept;
    // Stops streaming. Frames the application holds stay its own until it queues them; the rest is idle.
    Result<void> stop() noexcept;
    // Waits for a frame, `timeout_ms` milliseconds at most (below 0: for ever; 0: looks only). Two system
    // calls, one where it only looks and there is a frame; no allocation. The frame's memory is the
    // application's until queue(). A driver with fewer buffers than it needs to begin delivers none.
    // Where it tells that number (see min_buffers()), a wait for ever is refused until they are queued; it is
    // asked once after start(), and only when fewer are queued than bound. Where it tells none, nobody can
    // know: with frames held back across stop(), give a timeout. Errors, none of which ends the stream:
    //   busy with code() ETIMEDOUT  no frame came in time
    //   busy with code() EINTR      a signal came first
    //   invalid                     not streaming, the application holds all buffers, or, for ever, so many
    //                               that the driver does not begin
    //   incompatible                the source has changed: pictures from here on may be unlike the format.
    //                               Told once; stop(), unbind() and negotiate() for the new one
    //   unavailable with code() ENOLINK, ENOLCK or ERANGE  the signal is gone (see hwalloc/v4l2_inputs.h);
    //                               told once, and the next change, such as its return, again
    //   unavailable with code() EPIPE  the stream is over: there is no further frame until start()
    // where frames are copied, those of Memory::map() for writing: that frame is lost.
    // Others: device lost (unplugged, or the queue is broken), unavailable (the driver reports an error and
    // has no frame).
    Result<Frame> dequeue(int timeout_ms) noexcept;
    // Gives a dequeued frame's memory back to the driver. End CPU access first (unmap), and wait for a GPU
    // that reads it: V4L2 waits for no fence. One system call. Errors: invalid (not held by the application),
    // conflict (its memory is mapped; of copied frames in memory without a dma-buf a map of another share of
    // it is not seen), and what the driver answers.
    Result<void> queue(std::uint32_t index) noexcept;
    // dequeue() into an object that gives the frame back. Costs and errors: as there.
    Result<HeldFrame> take(int timeout_ms) noexcept;
    // Maps the image of a frame that the application holds, for reading: of one in several memories, the part
    // in that with this number. Errors: invalid (not held, no such memory), incompatible (the driver tells
    // more bytes than the memory has), and those of Memory::map().
    Result<MappedFrame> map(const Frame& frame, std::uint32_t which = 0) const noexcept;

    // Unbinds, and closes the node, unless a participant of the camera keeps it open.
    Result<void> close() noexcept;

    // Whether the device demands physically contiguous memory at the negotiated size. Found by trial with
    // twins: two udmabufs over the same pages, one with its first two swapped, cannot both be contiguous; a
    // device that takes both needs no contiguity, and one that takes one and refuses the other with EFAULT
    // does. `unknown` when it refuses both (it may be unable to map udmabufs at all), and, with an error in
    // `why`, if given, when it cannot be tried. Needs /dev/udmabuf and an idle camera with nothing bound;
    // leaves no trace. Asked once for each negotiated format. Errors: invalid (no format, or memory is
    // bound).
    Result<Answer> needs_contiguous_memory(std::optional<Error>* why = nullptr) noexcept;

private:
    friend struct detail::Session;
    HWALLOC_LOCAL explicit Camera(std::shared_ptr<detail::Session> session) noexcept;
    std::shared_ptr<detail::Session> session_;
};

// ---- in plans

// A camera as a participant of plans (hwalloc/plan.h): its queue imports what it fills. Shares the camera's
// open file, so it can be asked while the camera is idle (nothing bound), and answers busy else; it keeps the
// file open as long as it lives. Asked for pixels, it answers for that format and size; asked for bytes, for
// the format that the camera has. A trial sets the camera's format for a moment: call negotiate() afterwards,
// with the plan's stride. Brings the camera's own buffers ("v4l2/videoN"). To be used by the camera's thread.
// Where the driver imports nothing it takes any memory that the CPU can write, if Camera::allow_copies() was
// called, and none else. Errors: invalid (closed), exhausted.
HWALLOC_API Result<ParticipantRef> capture_participant(Camera& camera) noexcept;

// A device that takes frames: a video output, or the input side of an encoder (memory to memory). Opens the
// node, which stays open as long as the participant. As above, but brings its own buffers only where the
// driver imports nothing and exports them (Output::bind_own()). Errors: as Camera::open, for a node that does
// not take video. `allow_copies`: each image is copied into the driver's own buffers where that imports none
// (Output::allow_copies(), hwalloc/v4l2_output.h), and the plan takes memory that the CPU can read then.
HWALLOC_API Result<ParticipantRef> output_participant(const std::string& path,
                                                      bool allow_copies = false) noexcept;
HWALLOC_API Result<ParticipantRef> output_participant(const char* path, // invalid where it is null
                                                      bool allow_copies = false) noexcept;

} // namespace hwalloc::v4l2
