// VIDIOC_EXPBUF, answered from an allocator: for programs that take a video device as a source of memory, and
// give what it exports to another device.
#include <fcntl.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "tools/preload/answers.h"

namespace hwalloc::preload {
namespace {

// Descriptors whose queue was answered in place of the driver.
constexpr int most_descriptors = 4096;
std::atomic<bool> answered[most_descriptors];

bool known(int fd) noexcept {
    return fd >= 0 && fd < most_descriptors;
}

// Bytes of the buffer or plane; 0 and errno where the driver has none of that.
std::size_t length_of(int fd, const v4l2_exportbuffer& wanted) noexcept {
    v4l2_buffer buffer{};
    v4l2_plane planes[VIDEO_MAX_PLANES]{};
    buffer.type = wanted.type;
    buffer.index = wanted.index;
    buffer.memory = V4L2_MEMORY_MMAP;
    const bool several = V4L2_TYPE_IS_MULTIPLANAR(wanted.type);
    if (several) {
        buffer.m.planes = planes;
        buffer.length = VIDEO_MAX_PLANES;
    }
    if (::ioctl(fd, VIDIOC_QUERYBUF, &buffer) < 0)
        return 0;
    if (several ? wanted.plane < buffer.length : wanted.plane == 0)
        return several ? planes[wanted.plane].length : buffer.length;
    errno = EINVAL;
    return 0;
}

} // namespace

int answer_export(Row& row, int fd, void* argument) noexcept {
    auto* const wanted = static_cast<v4l2_exportbuffer*>(argument);
    if (!wanted) {
        errno = EFAULT;
        return -1;
    }
    std::size_t bytes = 0;
    {
        const OwnCalls guard;
        bytes = wanted->flags & ~static_cast<__u32>(O_CLOEXEC | O_ACCMODE) ? (errno = EINVAL, 0)
                                                                           : length_of(fd, *wanted);
    }
    const int made = bytes ? make_dma_buf(row, "VIDIOC_EXPBUF", bytes, (wanted->flags & O_CLOEXEC) != 0) : -1;
    if (made < 0)
        return -1;
    wanted->fd = made;
    if (known(fd))
        answered[fd].store(true, std::memory_order_relaxed);
    return 0;
}

bool refuses_queue(int fd, const void* buffer) noexcept {
    if (!known(fd) || !answered[fd].load(std::memory_order_relaxed) || !buffer ||
        static_cast<const v4l2_buffer*>(buffer)->memory != V4L2_MEMORY_MMAP)
        return false;
    tell("VIDIOC_QBUF is refused: this program streams into the buffers that it exported, and --v4l2-export "
         "gave it others; it "
         "does for programs that give what they export to another device");
    errno = EINVAL;
    return true;
}

void forget_queue(int fd) noexcept {
    if (known(fd))
        answered[fd].store(false, std::memory_order_relaxed);
}

} // namespace hwalloc::preload
