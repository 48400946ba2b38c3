// VIDIOC_EXPBUF, answered from an allocator: for programs that take a video device as a source of memory, and
// give what it exports to another device.
#include <fcntl.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "tools/preload/answers.h"

namespace hwalloc::preload {
namespace {

// Of each descriptor, the types of its queues that were answered in place of the driver, a bit for each.
constexpr int most_descriptors = 4096;
std::atomic<std::uint32_t> answered[most_descriptors];

std::uint32_t bit_of(unsigned type) noexcept {
    return type < 32 ? std::uint32_t{1} << type : 0;
}

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

int answer_export(const Row& row, int fd, void* argument) noexcept {
    auto* const wanted = static_cast<v4l2_exportbuffer*>(argument);
    if (!wanted) {
        errno = EFAULT;
        return -1;
    }
    if (wanted->flags & ~static_cast<__u32>(O_CLOEXEC | O_ACCMODE))
        return refuse_as_kernel(row, "VIDIOC_EXPBUF");
    std::size_t bytes = 0;
    {
        const OwnCalls guard;
        bytes = length_of(fd, *wanted);
    }
    if (!bytes)
        return -1; // of a buffer that the driver has not
    const int made = make_dma_buf(row, "VIDIOC_EXPBUF", bytes, (wanted->flags & O_CLOEXEC) != 0);
    if (made < 0)
        return -1;
    wanted->fd = made;
    if (known(fd))
        answered[fd].fetch_or(bit_of(wanted->type), std::memory_order_relaxed);
    return 0;
}

bool refuses_queue(int fd, const void* buffer, std::size_t size) noexcept {
    // The fields up to `type` are the same everywhere; where a long has 32 bits, those behind the time move
    // with its width, and `memory` is the fifth number from the end.
    const std::size_t at =
        size == sizeof(v4l2_buffer) ? offsetof(v4l2_buffer, memory) : size - 5 * sizeof(__u32);
    if (!known(fd) || !buffer || size < 8 * sizeof(__u32))
        return false;
    __u32 type = 0, memory = 0;
    std::memcpy(&type, static_cast<const char*>(buffer) + offsetof(v4l2_buffer, type), sizeof type);
    std::memcpy(&memory, static_cast<const char*>(buffer) + at, sizeof memory);
    if (memory != V4L2_MEMORY_MMAP || !(answered[fd].load(std::memory_order_relaxed) & bit_of(type)))
        return false;
    tell("VIDIOC_QBUF is refused: this program streams into the buffers that it exported, and --v4l2-export "
         "gave it others; it "
         "does for programs that give what they export to another device");
    errno = EINVAL;
    return true;
}

void forget_queue(int fd, unsigned type) noexcept {
    if (known(fd))
        answered[fd].fetch_and(~bit_of(type), std::memory_order_relaxed);
}

} // namespace hwalloc::preload
