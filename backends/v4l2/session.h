// What an open camera is made of, and how it talks to its driver.
#pragma once

#include <linux/videodev2.h>

#include <sys/types.h>

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "common/fixed_text.h"
#include "common/without_exceptions.h"
#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2::detail {

struct Session;

// A camera's node as this process uses it: one for all its open files. A driver's queue belongs to the open
// file that asked for buffers first, and answers EBUSY to every other.
struct Node {
    explicit Node(dev_t number) noexcept : device(number) {}

    const dev_t device;
    // Held while the queue's buffers change, because allocators of the camera may use it at any time. Never
    // taken for a frame.
    std::mutex queue;
    std::weak_ptr<Session> application; // whom it has open last; guarded by the table of nodes
};

// Which of a device's queues is meant, where memory-to-memory devices have both.
enum class Direction : std::uint8_t {
    capture, // the device writes
    output,  // the device reads
};

struct Session {
    // Opens the node of a device that captures video, or takes it. Errors: see Camera::open; `absence` when
    // it is not there.
    static Result<std::shared_ptr<Session>> open(const std::string& path,
                                                 ErrorKind absence = ErrorKind::unavailable,
                                                 Direction direction = Direction::capture);
    // The same for an application, whose session others then share.
    static Result<std::shared_ptr<Session>> open_for_application(const std::string& path);
    // The session that an application of this process has open on the node, else a new one. A node that is
    // not there is device_lost: the library has met it.
    static Result<std::shared_ptr<Session>> open_or_share(const std::string& path);

    // Who has a buffer: nobody, the driver (QBUF to DQBUF), or the application (DQBUF to QBUF).
    enum class Holder : std::uint8_t { nobody, driver, application };
    struct Slot {
        MemoryRef memory;
        int fd; // lent by the memory
        Holder holder = Holder::nobody;
    };

    UniqueFd fd;
    std::shared_ptr<Node> node;
    DeviceInfo info;
    std::uint32_t type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    std::optional<CaptureFormat> format;
    std::uint32_t reserved = 0; // what REQBUFS granted
    std::vector<Slot> slots;
    bool streaming = false;
    bool asked_contiguous = false; // the three below are an answer for this format
    Answer contiguous = Answer::unknown;
    std::optional<Error> why_unknown;
    unsigned twins_refused = 0; // of two

    // ioctl, restarted on EINTR. Returns 0 or more, or a negative errno.
    int call(unsigned long request, void* argument) const noexcept;
    // "capturing on /dev/video0 (vivid): VIDIOC_X: …" for a negative errno.
    Error refused(int answer, const char* call_name, std::string_view doing) const noexcept;
    Error refused(ErrorKind kind, int answer, const char* call_name, std::string_view doing) const noexcept;
    Error wrong(ErrorKind kind, std::string_view doing) const noexcept; // no call was involved

    // What the driver makes of a request, without the rate: VIDIOC_TRY_FMT, or VIDIOC_S_FMT, which
    // `call_name` names. Errors: those of Camera::negotiate.
    Result<CaptureFormat> propose(unsigned long call_number, const char* call_name,
                                  const FormatRequest& request) noexcept;
    // The same by DRM's name for the format: by each name that V4L2 has for it, until the driver keeps it.
    // Errors: unsupported (V4L2 has no such format; the driver gives another format or size), and those of
    // propose().
    Result<CaptureFormat> propose_pixels(unsigned long call_number, const char* call_name,
                                         std::uint32_t drm_fourcc, std::uint32_t width, std::uint32_t height,
                                         std::uint32_t stride) noexcept;

    // A memory's dma-buf, looked at before the device is asked: whether it can hold `wanted` bytes of the
    // device's at its start. Errors: see Camera::bind. `doing`: for those.
    struct Lent {
        int fd; // lent by the memory
        std::uint64_t inode, size;
    };
    Result<Lent> lend(const Memory& memory, std::uint64_t wanted, std::string_view doing) const noexcept;
    // Whether the driver can import dma-bufs at all, as far as it tells. Error: unsupported.
    Result<void> imports_dma_bufs(std::string_view doing) const noexcept;
    bool output() const noexcept { return V4L2_TYPE_IS_OUTPUT(type); }

    // REQBUFS; the count is what the driver granted afterwards.
    int request_buffers(std::uint32_t& count, std::uint32_t memory = V4L2_MEMORY_DMABUF) const noexcept;
    // Camera::reserve, with the node's queue held.
    Result<std::uint32_t> reserve(std::uint32_t count) noexcept;
    // A buffer of the driver's own of at least `bytes`, as dma-buf open for reading and writing, which the
    // queue then knows no more. Errors: busy (buffers are bound, or another program has the queue),
    // unsupported (the driver makes none, exports none or does not let go of them), limit, exhausted. With
    // the node's queue held.
    Result<UniqueFd> make_own_buffer(std::uint64_t bytes) noexcept;
    // REQBUFS(0): ends every import. 0 or a negative errno; nothing is reserved afterwards either way.
    int release_buffers() noexcept;
    // QBUF of the dma-buf `dma_buf` at `index`, `length` bytes of it. One system call.
    int queue_dma_buf(std::uint32_t index, int dma_buf, std::uint64_t length) const noexcept;
    std::uint64_t image_size() const noexcept { return format->layout.memory_sizes[0]; }

    // What to say about a dma-buf that QBUF refused, with nothing bound any more. `position` is "3 of 8".
    // `exporter`: who made it (dma_buf::exporter_of).
    Error explain_refusal(int answer, std::string_view position, std::uint64_t dma_buf_size,
                          std::string_view exporter) noexcept;
    // Makes the twins and tries them; fills in the answer above. With nothing bound.
    void ask_twins() noexcept;
};

// The nodes that are called like cameras, by the directory, "/dev/video2" before "/dev/video10". `why`, if
// given: 0, or why the directory cannot be read (a negative errno). May throw std::bad_alloc.
std::vector<std::string> video_nodes(int* why = nullptr);

// The kernel's V4L2 buffer with its plane array, for either API.
struct Buffer {
    v4l2_buffer buffer{};
    std::array<v4l2_plane, VIDEO_MAX_PLANES> planes{};

    explicit Buffer(std::uint32_t type) noexcept {
        buffer.type = type;
        buffer.memory = V4L2_MEMORY_DMABUF;
        if (V4L2_TYPE_IS_MULTIPLANAR(type)) {
            buffer.m.planes = planes.data();
            buffer.length = VIDEO_MAX_PLANES;
        }
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
};

} // namespace hwalloc::v4l2::detail

namespace hwalloc::v4l2 {
using detail::Session;
}
