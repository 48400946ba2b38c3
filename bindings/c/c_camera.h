/* Cameras in C: capture through Video4Linux into dma-bufs of any allocator, without a copy. See
 * hwalloc/hwalloc.h.
 *
 *   open -> negotiate -> (allocate) -> bind -> start -> { dequeue -> use -> queue }... -> stop -> close
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"
#include "hwalloc/c_image.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/c_plan.h"

HWALLOC_C_BEGIN

/* An open camera. Not for two threads at once. A child of fork() is refused what would call the driver. */
typedef struct hwalloc_camera hwalloc_camera;

/* Opens a camera's node. Errors: -ENOENT, -EACCES, -EOPNOTSUPP (no camera), -EBUSY. */
HWALLOC_C_API int hwalloc_camera_open(const char* path, hwalloc_camera** camera,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Takes over an open file of a camera's node: the descriptor is the library's from here on, and is closed on
 * an error, too. */
HWALLOC_C_API int hwalloc_camera_adopt(int fd, hwalloc_camera** camera,
                                       hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Stops, lets go of the memory, closes the node, and ends the object. */
HWALLOC_C_API void hwalloc_camera_close(hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;

/* Texts that belong to the camera. */
HWALLOC_C_API const char* hwalloc_camera_path(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_camera_driver(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_camera_card(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_camera_bus(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
/* To be waited for alone: ready to be read when there is a frame, POLLPRI when the source has changed; -1:
 * closed. */
HWALLOC_C_API int hwalloc_camera_fd(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;

/* How the lines come (enum v4l2_field). */
enum {
    HWALLOC_FIELD_ANY = 0,
    HWALLOC_FIELD_PROGRESSIVE = 1,
    HWALLOC_FIELD_TOP = 2,
    HWALLOC_FIELD_BOTTOM = 3,
    HWALLOC_FIELD_INTERLACED = 4,
    HWALLOC_FIELD_TOP_THEN_BOTTOM = 5,
    HWALLOC_FIELD_BOTTOM_THEN_TOP = 6,
    HWALLOC_FIELD_ALTERNATE = 7,
    HWALLOC_FIELD_INTERLACED_TOP = 8,
    HWALLOC_FIELD_INTERLACED_BOTTOM = 9
};

/* What is asked for, and what the driver made of it. */
typedef struct hwalloc_capture_format {
    size_t struct_size;
    uint32_t pixel_format; /* V4L2's code; asked 0: that which it has */
    uint32_t width;        /* in pixels; asked 0: that which it has */
    uint32_t height;
    uint32_t stride;      /* of the first plane, in bytes; asked 0: the driver's choice */
    uint32_t rate_frames; /* so many frames in so many seconds; 0/0: not told, or whatever it has */
    uint32_t rate_seconds;
    uint32_t field; /* HWALLOC_FIELD_* */
    uint32_t reserved;
} hwalloc_capture_format;

/* Sets format and rate, and tells in the same place what the driver made of it: look. Only with nothing
 * bound. Errors: -EBUSY, -EINVAL, -EOPNOTSUPP, -EXDEV. */
HWALLOC_C_API int hwalloc_camera_negotiate(hwalloc_camera* camera, hwalloc_capture_format* format,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* What the device is set to, whoever set it. */
HWALLOC_C_API int hwalloc_camera_current_format(hwalloc_camera* camera, hwalloc_capture_format* format,
                                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* How an image of the negotiated format lies in memory. Error: -EINVAL (none was). */
HWALLOC_C_API int hwalloc_camera_layout(const hwalloc_camera* camera, hwalloc_image_layout* layout,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* How many buffers the driver keeps to itself: bind one more at least. */
HWALLOC_C_API uint32_t hwalloc_camera_min_buffers(hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
/* Whether frames may be copied where the driver imports nothing, and how many were since memory was bound. */
HWALLOC_C_API void hwalloc_camera_allow_copies(hwalloc_camera* camera, int allowed) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_copies_frames(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint64_t hwalloc_camera_copies(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
/* How many buffers the driver wants where so many are asked for: exactly as many are bound then. */
HWALLOC_C_API int hwalloc_camera_reserve(hwalloc_camera* camera, uint32_t count, uint32_t* granted,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Binds memory, and queues it; of a format in several memories those of the first buffer first. The camera
 * has handles of its own on them. Errors: -EINVAL, -EOPNOTSUPP (no dma-buf; the driver imports none), -EACCES
 * (read-only), -EXDEV (too small, or not what the device demands), -EOVERFLOW. Nothing is bound then. */
HWALLOC_C_API int hwalloc_camera_bind(hwalloc_camera* camera, hwalloc_memory* const* memories, size_t count,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Whether the driver imports nothing and exports its own, which this then makes and binds: how many, at
 * *bound. */
HWALLOC_C_API int hwalloc_camera_has_only_own_buffers(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_bind_own(hwalloc_camera* camera, uint32_t count, uint32_t* bound,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Stops, and lets go of the memory. */
HWALLOC_C_API int hwalloc_camera_unbind(hwalloc_camera* camera, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint32_t hwalloc_camera_bound(const hwalloc_camera* camera) HWALLOC_C_NOEXCEPT;
/* The memory at an index, of several the one with this number; lent; NULL: none. */
HWALLOC_C_API hwalloc_memory* hwalloc_camera_memory(const hwalloc_camera* camera, uint32_t index,
                                                    uint32_t which) HWALLOC_C_NOEXCEPT;

/* Streams from here on, into what is queued; and no more: frames that the application holds stay its own.
 * Errors: -EINVAL (nothing is bound; streaming already), and what the driver answers. */
HWALLOC_C_API int hwalloc_camera_start(hwalloc_camera* camera, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_stop(hwalloc_camera* camera, hwalloc_error** error) HWALLOC_C_NOEXCEPT;

enum {
    HWALLOC_FRAME_MONOTONIC = 0x01,   /* the time is CLOCK_MONOTONIC's */
    HWALLOC_FRAME_AT_EXPOSURE = 0x02, /* taken when exposure began; else when the frame was there */
    HWALLOC_FRAME_DAMAGED = 0x04,     /* the picture may be; streaming goes on */
    HWALLOC_FRAME_KEY = 0x08,         /* needs no other frame */
    HWALLOC_FRAME_LAST = 0x10         /* there is none after it; it may be empty */
};

typedef struct hwalloc_frame {
    size_t struct_size;
    uint32_t index;                          /* which of the bound buffers it is in */
    uint32_t sequence;                       /* the driver's count: a gap is a frame that was lost */
    int64_t timestamp_ns;                    /* when the driver took it */
    uint32_t flags;                          /* HWALLOC_FRAME_* */
    uint32_t field;                          /* HWALLOC_FIELD_* */
    uint64_t offsets[HWALLOC_MAX_PLANES];    /* of the image in each of its memories, in bytes */
    uint64_t bytes_used[HWALLOC_MAX_PLANES]; /* of the image, from there */
} hwalloc_frame;

/* Waits so many milliseconds for a frame; below 0: for ever; 0: looks only. Its memory is the application's
 * until it is queued. Errors, of which none ends the stream: -ETIMEDOUT, -EINTR, -EINVAL (not streaming; all
 * buffers are held), -EXDEV (the source has changed: stop, unbind, negotiate), -ENOLINK, -ENOLCK or -ERANGE
 * (no signal), -EPIPE (there is no further frame); -ENODEV (the camera is gone), and what else the driver
 * answers. */
HWALLOC_C_API int hwalloc_camera_dequeue(hwalloc_camera* camera, int timeout_ms, hwalloc_frame* frame,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Gives a frame's memory back to the driver: end access to it first. Errors: -EINVAL (not held), -EPERM (its
 * memory is mapped), and what the driver answers. */
HWALLOC_C_API int hwalloc_camera_queue(hwalloc_camera* camera, uint32_t index,
                                       hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* A control by its name or its number as text ("exposure", "focus", "0x980900"). Setting it tells the value
 * that it has then; `now` may be NULL. Errors: -EINVAL (no control is called so, or the value is out of
 * range), -EACCES, -EBUSY. */
HWALLOC_C_API int hwalloc_camera_get_control(hwalloc_camera* camera, const char* name, int64_t* value,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_set_control(hwalloc_camera* camera, const char* name, int64_t value,
                                             int64_t* now, hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* The camera in a plan, which sets its format for a moment: negotiate afterwards, with the plan's stride.
 * Keeps the open file as long as it lives. */
HWALLOC_C_API int hwalloc_camera_participant(hwalloc_camera* camera, hwalloc_participant** participant,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Whether the device demands contiguous memory at the negotiated size: HWALLOC_YES, HWALLOC_NO or
 * HWALLOC_UNKNOWN. */
HWALLOC_C_API int hwalloc_camera_needs_contiguous_memory(hwalloc_camera* camera, uint32_t* answer,
                                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
