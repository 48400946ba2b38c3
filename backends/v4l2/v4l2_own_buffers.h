// Frames in the buffers of a camera's own driver, shared without a copy.
//
// Camera::bind() has the driver import memory. There are drivers that import nothing and export what they
// allocate for themselves: then the memory comes from the camera, each buffer a dma-buf like any other, for
// GPUs, displays and the CPU. In place of allocate and bind:
//   open -> negotiate -> bind_own -> start -> { dequeue -> use -> queue }... -> stop -> close
//
// The rules of the kernel that this follows: Documentation/userspace-api/media/v4l/ (mmap.rst,
// vidioc-expbuf.rst, vidioc-reqbufs.rst).
#pragma once

#include <cstdint>

#include "hwalloc/export.h"
#include "hwalloc/result.h"
#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2 {

// Whether bind_own() is the only way to frames that are not copied: the driver imports no dma-bufs, and
// nothing speaks against its exporting them. A few questions to the driver, which change nothing; to be asked
// before reserve() and bind(). False when the camera is closed. Used as the Camera's own functions, not by
// two threads at once.
HWALLOC_API bool has_only_own_buffers(const Camera& camera) noexcept;

// Has the driver make `count` buffers for the negotiated format, exports each as a dma-buf, binds them and
// queues them; returns how many it made, which may be more or less. Buffer i is Camera::memory(i), from the
// allocator "v4l2/videoN" of the camera (one without a name where no /dev/videoN is that device, as a
// container can have it), open for reading and writing; everything else is as after Camera::bind(), and
// unbind() ends it. A reservation is given up. Drivers that import take this as well.
//
// Who keeps a handle on such a memory (Memory::ref(), share(), a map) keeps its bytes, beyond unbind() and
// the camera's end: the queue lets go of a buffer that is exported (since Linux 5.0;
// V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS). It is filled no more then, and is bound to no camera again: the next
// bind_own() makes new ones.
//
// On an error nothing is bound or reserved. Used as the Camera's own functions. Errors:
//   invalid       closed, no format, memory is bound already, or a count of 0
//   unsupported   the driver makes no buffers of its own, exports none, or does not let go of them
//   incompatible  it makes buffers smaller than its image
//   busy          another program, or another Camera of this one, has the queue
//   exhausted     no memory for one buffer, less on the machine than all of them take, or no descriptor
HWALLOC_API Result<std::uint32_t> bind_own(Camera& camera, std::uint32_t count) noexcept;

} // namespace hwalloc::v4l2
