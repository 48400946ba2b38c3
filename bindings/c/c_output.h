/* Video outputs in C: frames sent through Video4Linux out of dma-bufs of any allocator. A screen behind a
 * capture card's output, a loopback, the input side of an encoder (docs/contract.md has what holds of such
 * devices). See hwalloc/hwalloc.h.
 *
 *   open -> negotiate -> (allocate) -> bind -> start -> { fill -> queue -> dequeue }... -> stop -> close
 *
 * After bind the application holds every buffer. It fills one and queues it; dequeue says that it is free
 * again. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_camera.h"
#include "hwalloc/c_camera_offers.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"
#include "hwalloc/c_image.h"
#include "hwalloc/c_memory.h"

HWALLOC_C_BEGIN

/* An open output. Not for two threads at once. A child of fork() is refused what would call the driver. */
typedef struct hwalloc_output hwalloc_output;

/* Opens a node that takes video. Errors: -ENOENT, -EACCES, -EOPNOTSUPP (it takes no video), -EBUSY. */
HWALLOC_C_API int hwalloc_output_open(const char* path, hwalloc_output** output,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Takes over an open file of such a node: the descriptor is the library's from here on, and is closed on an
 * error, too. */
HWALLOC_C_API int hwalloc_output_adopt(int fd, hwalloc_output** output,
                                       hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Stops, lets go of the memory, closes the node, and ends the object. */
HWALLOC_C_API void hwalloc_output_close(hwalloc_output* output) HWALLOC_C_NOEXCEPT;

/* Texts that belong to the output. */
HWALLOC_C_API const char* hwalloc_output_path(const hwalloc_output* output) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_output_driver(const hwalloc_output* output) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_output_card(const hwalloc_output* output) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_output_bus(const hwalloc_output* output) HWALLOC_C_NOEXCEPT;
/* To be waited for alone: ready to be written (POLLOUT) when a buffer is free again; -1: closed. */
HWALLOC_C_API int hwalloc_output_fd(const hwalloc_output* output) HWALLOC_C_NOEXCEPT;

/* The pixel formats that it takes, as hwalloc_camera_formats() has a camera's. */
HWALLOC_C_API int hwalloc_output_formats(hwalloc_output* output, hwalloc_format_list** list,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Sets format and rate, and tells in the same place what the driver made of it, which is what has to be sent:
 * look. Only with nothing bound. Errors: -EBUSY, -EINVAL, -EOPNOTSUPP, -EXDEV. */
HWALLOC_C_API int hwalloc_output_negotiate(hwalloc_output* output, hwalloc_capture_format* format,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* How an image of the negotiated format lies in memory. Error: -EINVAL (none was). */
HWALLOC_C_API int hwalloc_output_layout(const hwalloc_output* output, hwalloc_image_layout* layout,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* How many buffers the driver must have before it begins: bind one more at least. */
HWALLOC_C_API uint32_t hwalloc_output_min_buffers(hwalloc_output* output) HWALLOC_C_NOEXCEPT;
/* Whether frames may be copied where the driver imports nothing, and how many were since memory was bound. */
HWALLOC_C_API void hwalloc_output_allow_copies(hwalloc_output* output, int allowed) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_output_copies_frames(const hwalloc_output* output) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint64_t hwalloc_output_copies(const hwalloc_output* output) HWALLOC_C_NOEXCEPT;
/* Binds memory, which the application holds then; of a format in several memories those of the first buffer
 * first. Errors: -EINVAL, -EOPNOTSUPP (no dma-buf; the driver imports none), -EXDEV (too small, or not what
 * the device demands), -EOVERFLOW. Nothing is bound then. */
HWALLOC_C_API int hwalloc_output_bind(hwalloc_output* output, hwalloc_memory* const* memories, size_t count,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Has the driver make buffers of its own, and binds them: how many, at *bound. */
HWALLOC_C_API int hwalloc_output_bind_own(hwalloc_output* output, uint32_t count, uint32_t* bound,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Stops, and lets go of the memory. */
HWALLOC_C_API int hwalloc_output_unbind(hwalloc_output* output, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint32_t hwalloc_output_bound(const hwalloc_output* output) HWALLOC_C_NOEXCEPT;
/* The memory at an index, of several the one with this number; lent; NULL: none. */
HWALLOC_C_API hwalloc_memory* hwalloc_output_memory(const hwalloc_output* output, uint32_t index,
                                                    uint32_t which) HWALLOC_C_NOEXCEPT;

/* What was queued before is sent; after stop, what was queued is not sent any more. */
HWALLOC_C_API int hwalloc_output_start(hwalloc_output* output, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_output_stop(hwalloc_output* output, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Sends the first `bytes` of the memory at `index`; 0: a whole image. End access to it first. Errors: -EINVAL
 * (not held, or more bytes than there are), -EPERM (its memory is mapped), and what the driver answers. */
HWALLOC_C_API int hwalloc_output_queue(hwalloc_output* output, uint32_t index, uint64_t bytes,
                                       hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Waits so many milliseconds until the driver has read a frame; below 0: for ever; 0: looks only. Its index
 * is the application's again. Errors, of which none ends the stream: -ETIMEDOUT, -EINTR, -EINVAL (nothing is
 * queued; not streaming); -ENODEV, and what else the driver answers. */
HWALLOC_C_API int hwalloc_output_dequeue(hwalloc_output* output, int timeout_ms, hwalloc_frame* frame,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
