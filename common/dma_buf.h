// The calls of a dma-buf descriptor (linux/dma-buf.h; Documentation/driver-api/dma-buf.rst), as the library
// needs them.
#pragma once

#include <linux/dma-buf.h>
#include <sys/ioctl.h> // what the header above leaves out

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/restarted_ioctl.h"
#include "hwalloc/result.h"

namespace hwalloc::dma_buf {

// Directions of CPU access.
inline constexpr unsigned read_access = DMA_BUF_SYNC_READ, write_access = DMA_BUF_SYNC_WRITE;

// Tells the exporter that the CPU is about to access the buffer, or has done so: cache maintenance, and
// before the access a wait for the fences in the buffer, so it may block. Restarted on EINTR; on EAGAIN until
// `patience_ns` are over. Returns 0 or a negative errno. Never allocates.
inline constexpr std::int64_t patience_ns = 1'000'000'000;
inline int begin_cpu_access(int fd, unsigned access) noexcept {
    dma_buf_sync request{.flags = DMA_BUF_SYNC_START | access};
    return restarted_ioctl(fd, DMA_BUF_IOCTL_SYNC, &request, patience_ns);
}
inline int end_cpu_access(int fd, unsigned access) noexcept {
    dma_buf_sync request{.flags = DMA_BUF_SYNC_END | access};
    return restarted_ioctl(fd, DMA_BUF_IOCTL_SYNC, &request, patience_ns);
}

// Names the buffer in /proc/PID/fdinfo and the kernel's debug files. The kernel takes 31 bytes, so more are
// cut off, at a whole UTF-8 character; a kernel that refuses is ignored: a name is never worth an allocation.
inline constexpr std::size_t longest_name = 31;
void set_name(int fd, std::string_view name) noexcept;

// What a descriptor says about its buffer.
struct Facts {
    std::uint64_t inode = 0; // kept by dup and SCM_RIGHTS; an identity from Linux 5.19 on only
    std::size_t size = 0;    // in bytes
    // The access mode, which is the same for every descriptor of the buffer.
    bool readable = false, writable = false;
};

// Examines a descriptor that may be anything. Errors: invalid (closed, not a dma-buf), limit (too large for
// this process), and what the kernel answers.
Result<Facts> examine(int fd) noexcept;

// The same for a descriptor that a driver has just made for this library, open for reading and writing: one
// call where examine needs four.
Result<Facts> examine_own(int fd) noexcept;

// A descriptor of a buffer, and what examine() said of it.
struct Identity {
    int fd;
    std::uint64_t inode;
    std::uint64_t size;
};

// Whether two descriptors are of one buffer. Kernels before 5.19 give one inode number to several buffers, so
// the open files are compared as well. Where they cannot be compared, number and size decide.
bool is_same_buffer(const Identity& one, const Identity& other) noexcept;

// Who made the buffer, as /proc/self/fdinfo calls it ("udmabuf", "system", a driver's name); empty where that
// cannot be read.
std::string exporter_of(int fd) noexcept;

} // namespace hwalloc::dma_buf
