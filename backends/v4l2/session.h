// What an open camera or output is made of, and how it talks to its driver.
#pragma once

#include <linux/videodev2.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "allocators/plan/contiguity.h"
#include "backends/v4l2/buffer_kinds.h"
#include "backends/v4l2/kernel_buffer.h"
#include "backends/v4l2/mapped_queue.h"
#include "backends/v4l2/node.h"
#include "backends/v4l2/slot.h"
#include "common/fixed_text.h"
#include "common/without_exceptions.h"
#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2::detail {

struct Session : std::enable_shared_from_this<Session> {
    // Asks an open file what device it is. Errors: those of Camera::open that the driver answers.
    static Result<std::shared_ptr<Session>> of_open_file(UniqueFd fd, const std::string& path, Use use);
    // Opens the node of a device that captures, or takes, video. Errors: see Camera::open; `absence` when it
    // is not there.
    static Result<std::shared_ptr<Session>> open(const std::string& path, Use use = Use::capture,
                                                 ErrorKind absence = ErrorKind::unavailable);
    // The same for an application's Camera, with which others then share the session. It is one that they
    // have already, where no other Camera has that.
    static Result<std::shared_ptr<Session>> open_for_application(const std::string& path);
    // Camera::adopt, and Output's.
    static Result<std::shared_ptr<Session>> adopt_for_application(UniqueFd fd, Use use = Use::capture);
    // Whether the device is still there: behind a /dev that nobody keeps, the file may be a lost one's. A
    // driver may let it wait for a request of another thread, so it is asked without a lock.
    bool answers() const noexcept;
    // Whether no Camera has the session; makes it one's, unless another came first.
    bool is_free_for_application() const noexcept;
    bool take_for_application() noexcept;
    // Ends that Camera's use; others may keep the session.
    void close_for_application() noexcept;
    // A session that this process has open on the node to capture: the one that holds the queue, else the
    // last Camera's, else the oldest, else a new one. A node that is not there is device_lost: the library
    // has met it.
    static Result<std::shared_ptr<Session>> open_or_share(const std::string& path);
    // The path of the node as the kernel calls it, whatever link it was opened by; empty where it cannot be
    // told.
    std::string node_path() const;
    // Whether another session of this process holds the node's queue.
    bool another_holds_queue() const noexcept;
    // A camera's; null when it is closed.
    static std::shared_ptr<Session> of(const Camera& camera) noexcept { return camera.session_; }
    // What an Output is made on: the calls of a Camera.
    static Camera queue_of(std::shared_ptr<Session> session) noexcept { return Camera(std::move(session)); }

    using Slot = detail::Slot;
    using Holder = Slot::Holder;

    UniqueFd fd;
    std::shared_ptr<Node> node;
    const std::uint32_t opened_at_depth = fork_depth();
    DeviceInfo info;
    Use use = Use::capture;
    std::uint32_t type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    bool adopted = false;                  // somebody else opened it
    bool is_m2m = false;                   // from memory to memory: each open file has queues of its own
    bool media_controller = false;         // V4L2_CAP_IO_MC: it delivers nothing until its pipeline is set up
    bool has_camera = false;               // guarded by the table of nodes
    std::atomic<bool> holds_queue = false; // its Camera has buffers reserved or bound
    std::optional<CaptureFormat> format;
    std::uint32_t reserved = 0; // what REQBUFS granted; where frames are copied, what was asked for
    std::vector<Slot> slots;
    std::uint64_t bindings = 0; // how many bind() there were
    bool streaming = false;
    bool ended = false; // the driver said that there is no further frame
    bool begun = false; // a frame came since start()
    // How many buffers it begins with, by its own words; 0: it does not tell, empty: not asked since start().
    std::optional<std::uint32_t> told_least;
    bool has_events = false;
    std::optional<std::uint32_t> subscribed_input; // whose changes of the source are told; empty: none yet
    bool copies_allowed = false;                   // Camera::allow_copies
    std::optional<MappedQueue> mapped;             // frames are copied out of it: the driver imports nothing
    std::uint32_t next_copy = 0;                   // which slot is looked at first
    std::uint64_t copied = 0;                      // since bind()
    bool is_own = false;                           // what is reserved: the driver's, exported (own_queue.cpp)
    bool syncs_cpu_access = false;                 // the driver's, of what is bound (cpu_sync.cpp)
    AllocatorRef unnamed_buffers; // of its own, where they have no name; guarded by the node's queue_mutex
    // Whether the device needs contiguous memory for that format; empty: not asked yet.
    std::optional<planning::Contiguity> contiguity;
    std::atomic<const BufferKind*> known_kind = nullptr; // null: no buffer of its own was met yet

    // Whether buffers were reserved through this open file before it was taken over. Changes nothing.
    bool came_with_buffers() const noexcept;
    // False in a child of fork() whose parent opened the device: the two have one open file, and any call of
    // the child's would stop or change the parent's stream.
    bool of_this_process() const noexcept { return fork_depth() == opened_at_depth; }
    // Restarted on EINTR. Returns 0 or more, or a negative errno; -ECHILD, which no driver answers, in place
    // of a call on the parent's file: refused() makes its error.
    int ioctl(unsigned long request, void* argument) const noexcept;
    // "capturing on /dev/video0 (vivid): VIDIOC_X: …" for a negative errno.
    Error refused(int answer, const char* call_name, std::string_view doing) const noexcept;
    Error refused(ErrorKind kind, int answer, const char* call_name, std::string_view doing) const noexcept;
    Error error(ErrorKind kind, std::string_view doing) const noexcept; // no call was involved

    // The device may have another format from here on.
    void forget_format() noexcept {
        format.reset();
        contiguity.reset();
    }

    // REQBUFS; the count is what the driver granted afterwards.
    int request_buffers(std::uint32_t& count, std::uint32_t memory = V4L2_MEMORY_DMABUF) const noexcept;
    // Of what is reserved: V4L2_MEMORY_*.
    std::uint32_t memory_type() const noexcept {
        return mapped || is_own ? V4L2_MEMORY_MMAP : V4L2_MEMORY_DMABUF;
    }
    // How the driver says that it imports no dma-bufs: the call that told; null when it does, or nobody
    // knows. Has no effect where nothing is reserved, which is asked with the node's queue_mutex held.
    const char* cannot_import() const noexcept;
    // That error, which names the way out.
    Error imports_nothing(int answer, const char* call_name, std::string_view doing) const noexcept;
    // Camera::reserve, with the node's queue_mutex held. `copies`: where the driver imports nothing, its own
    // buffers are mapped.
    Result<std::uint32_t> reserve(std::uint32_t count, bool copies = false) noexcept;
    // ---- copied_frames.cpp
    Result<void> reserve_mapped(std::uint32_t count) noexcept;
    // QBUF of one, and of all, of the driver's own buffers that it has not. 0 or a negative errno.
    int queue_mapped(std::uint32_t index, std::uint64_t bytes = 0) noexcept;
    int queue_all_mapped() noexcept; // an output's have nothing in them yet, and are left
    // Camera::bind where frames are copied. May throw std::bad_alloc.
    Result<void> bind_copies(std::span<const MemoryRef> memories);
    Result<void> prepare_copies(std::span<const MemoryRef> memories, std::vector<Slot>& prepared) const;
    // Copies one memory of what the driver has filled.
    Result<void> copy_part(const Slot& to, std::uint32_t which, std::span<const std::uint8_t> from,
                           FramePart part) const noexcept;
    // Copies what DQBUF took into a slot that the camera has, and gives the driver its buffer back, whatever
    // comes of the copy. `frame.index`: the driver's; that of the result is the slot's.
    Result<Frame> copy_frame(Frame frame) noexcept;
    // ---- output.cpp
    // Makes the application hold all that is bound, with the imports kept.
    Result<void> hold_all() noexcept;
    // Output::queue where frames are copied, of a buffer that the application holds.
    Result<void> send_copy(std::uint32_t index, std::uint64_t bytes) noexcept;
    // Whether the driver exports buffers of its own at all: unsupported where it has no such call.
    Result<void> check_exports() const noexcept;
    // Whether it does, and imports none. With the node's queue_mutex free.
    bool has_only_own_buffers() const noexcept;
    // ---- own_queue.cpp
    // bind_own(). With the node's queue_mutex free. May throw std::bad_alloc.
    Result<std::uint32_t> bind_own(std::uint32_t count);
    // In place of what was reserved, buffers of the driver's own for its format; how many there are then.
    // With the node's queue_mutex held.
    Result<std::uint32_t> reserve_own(std::uint32_t count, std::string_view doing) noexcept;
    // EXPBUF of one of them, of its memory `which`, for reading and writing.
    Result<UniqueFd> export_own(std::uint32_t index, std::uint32_t which,
                                std::string_view doing) const noexcept;
    // QBUF of one with as many memories as there are `lengths`: so many bytes of each an output reads. 0 or
    // more, or a negative errno.
    int queue_own(std::uint32_t index, std::span<const std::uint64_t> lengths) const noexcept;
    // Whether the machine has the memory for `count` buffers of the driver's own for its format, or for as
    // many as drivers give at most. Error: exhausted.
    Result<void> check_room(std::uint32_t count, std::string_view doing) const noexcept;
    // Whether making them goes on until the kernel ends a process. Taken so where no kind is known.
    bool takes_pages() const noexcept;
    // A buffer of the driver's own of at least `bytes`, as dma-buf open for reading and writing, which the
    // queue then knows no more. Errors: busy (buffers are bound, or another program has the queue),
    // unsupported (the driver makes none, exports none or does not let go of them), limit, exhausted. With
    // the node's queue_mutex held.
    Result<UniqueFd> create_own_buffer(std::uint64_t bytes) noexcept;
    // What its own buffers are: of one that is made and thrown away, when none was met before. With the
    // node's queue_mutex free. When none can be made now, what is known without.
    const BufferKind& buffer_kind() noexcept;
    void remember_kind(int own_buffer) noexcept; // a descriptor of one
    // A session that is open on the node and has met one; null: there is none. Opens nothing.
    static std::shared_ptr<Session> that_knows_its_kind(const std::string& path) noexcept;
    // REQBUFS(0): ends every import and every mapping. 0 or a negative errno; nothing is reserved afterwards
    // either way.
    int free_buffers() noexcept;
    // The same for good: the queue is nobody's then.
    int release_queue() noexcept;
    // QBUF of dma-bufs at `index`, one for each memory of the format: so many bytes of each, of which an
    // output reads `bytes`; empty: all. One system call.
    int queue_dma_bufs(std::uint32_t index, std::span<const int> dma_bufs,
                       std::span<const std::uint64_t> lengths,
                       std::span<const std::uint64_t> bytes = {}) const noexcept;
    // Of each memory the bytes that an output reads: all of the image, but `first` of the first; 0: all.
    std::array<std::uint64_t, ImageLayout::max_planes> used_bytes(std::uint64_t first) const noexcept {
        auto used = format->layout.memory_sizes;
        used[0] = first ? first : used[0];
        return used;
    }
    // Asks for events of the selected input, once for each. A driver that has none tells of nothing.
    void subscribe_events() noexcept;
    // Takes all that there are: whether the source has changed. Sets `ended`. One system call for each, and
    // one for the end.
    bool take_events() noexcept;
    // The error that tells of it.
    Error source_change() const noexcept;
    // V4L2_CID_MIN_BUFFERS_FOR_*; 0: the driver does not tell.
    std::uint32_t ask_least_buffers() const noexcept;
    // Whether the driver waits for more than the `queued` buffers that it has, and says so itself.
    bool waits_for_buffers(std::size_t queued) noexcept;
    // DQBUF; empty: there is no frame now. Errors: those of Camera::dequeue.
    std::optional<Result<Frame>> take_frame() noexcept;
    // Whether that needs the exporter's calls around what the driver does by the CPU. With the node's
    // queue_mutex free.
    bool needs_cpu_sync() noexcept;
    // The same of a slot, with the exporter's call before it where syncs_cpu_access; `call_name`: which of
    // the two was refused. `bytes`: what an output reads; 0: a whole image.
    int give_to_driver(std::uint32_t index, Slot& slot, const char*& call_name,
                       std::uint64_t bytes = 0) const noexcept;
    // What the driver has done with it is over: makes the exporter's call after that.
    void take_from_driver(Slot& slot, Holder holder) const noexcept;
    // Whether the CPU has done with a buffer. Error: conflict.
    Result<void> check_unmapped(std::uint32_t index) const noexcept;
    // Camera::queue and Camera::map.
    Result<void> requeue(std::uint32_t index, std::uint64_t bytes = 0) noexcept;
    Result<MappedFrame> map(const Frame& frame, std::uint32_t which) const noexcept;
    // More handles on the memories.
    static Result<std::vector<MemoryRef>>
    handles_on(std::initializer_list<std::reference_wrapper<const MemoryRef>> memories);
    bool application_holds(std::uint32_t index) const noexcept {
        return index < slots.size() && slots[index].holder == Holder::application;
    }
    // How many memories an image has, and the bytes of each.
    std::uint32_t memory_count() const noexcept { return format->layout.memory_count; }
    std::uint64_t image_size(std::uint32_t which = 0) const noexcept {
        return format->layout.memory_sizes[which];
    }
    // Sets the rate, when one is wanted, and tells which one is in force. A driver without rates answers 0/0.
    FrameRate set_rate(FrameRate wanted) const noexcept;

    // "binding buffer 2 of 4": what is done with memory number `number` of so many.
    FixedText binding(std::size_t number, std::size_t count) const noexcept;
    // The dma-buf of memory that is to be imported.
    struct Import {
        int fd;             // lent by the memory
        std::uint64_t size; // of the dma-buf
        std::uint64_t inode;
        std::uint64_t held; // bytes of it that are the memory's
        std::uint64_t offset;
    };
    // What the memory tells of itself, which may run anybody's code. Errors: those of Camera::bind that
    // neither the kernel nor the format is asked for.
    Result<Import> borrow_dma_buf(const Memory& memory, std::string_view doing) const noexcept;
    // Whether an image of `wanted` bytes fits.
    Result<void> check_fits(const Import& import, std::uint64_t wanted,
                            std::string_view doing) const noexcept;
    // What QBUF's refusal of a dma-buf of `held` bytes says by itself.
    Error import_error(int answer, std::string_view doing, std::uint64_t wanted,
                       std::uint64_t held) const noexcept;
    // The same with the cause established where the answer leaves it open. With nothing bound any more. May
    // throw std::bad_alloc.
    Error explain_refusal(int answer, std::string_view doing, const Memory& memory, const Import& import);
    // `error` of memory that was refused, with the command that finds memory which this device takes at its
    // format at the end of the remedy.
    Error with_plan_command(Error error) const noexcept;
    // Tries twins, once for each format. With nothing bound. May throw std::bad_alloc.
    const planning::Contiguity& probe_contiguity();
};

// The call that an error of opening names, of a device for which there is nothing to do but read() or
// write().
constexpr const char* no_streaming_call = "read";

// The nodes that are called like cameras, by the directory, "/dev/video2" before "/dev/video10". `why`, if
// given: 0, or why the directory cannot be read (a negative errno). May throw std::bad_alloc.
std::vector<std::string> video_nodes(int* why = nullptr);

// The queue of an open file as a participant of plans. Error: exhausted.
Result<ParticipantRef> participant_of(std::shared_ptr<Session> session) noexcept;

} // namespace hwalloc::v4l2::detail

namespace hwalloc::v4l2 {
using detail::Session;
}
