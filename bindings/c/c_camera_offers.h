/* What cameras there are, and what one offers, in C: pixel formats, sizes, rates, controls, and the part of
 * the picture that it takes. See hwalloc/hwalloc.h. A list is the caller's, who frees it; texts and arrays of
 * what it tells belong to it. Of a camera all is used as its own functions: not by two threads at once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_camera.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

/* ---- finding cameras */

typedef struct hwalloc_camera_list hwalloc_camera_list;

typedef struct hwalloc_camera_entry {
    size_t struct_size;
    const char* path; /* "/dev/video0" */
    const char* card; /* what the driver calls the device; empty when unknown */
    const char* driver;
    const char* bus;
    const hwalloc_error* why; /* why it cannot be used as it is; NULL: it can be opened */
    uint32_t imports;         /* dma-bufs: HWALLOC_NO, or HWALLOC_UNKNOWN, where nothing speaks against it */
    uint32_t exports;         /* its own buffers as such: the same */
} hwalloc_camera_entry;

/* Every node that captures video, "/dev/video2" before "/dev/video10". Opens each for a moment. Error:
 * -ENOMEM. */
HWALLOC_C_API int hwalloc_camera_list_new(hwalloc_camera_list** list,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_camera_list_free(hwalloc_camera_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_camera_list_size(const hwalloc_camera_list* list) HWALLOC_C_NOEXCEPT;
/* Error: -EINVAL (there are not so many), as of the like functions below. */
HWALLOC_C_API int hwalloc_camera_list_get(const hwalloc_camera_list* list, size_t index,
                                          hwalloc_camera_entry* entry,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- formats, sizes and rates */

typedef struct hwalloc_format_list hwalloc_format_list;

/* Sizes from min to max in steps, in pixels; of a single size both are equal. Never grows, as the next. */
typedef struct hwalloc_frame_size {
    uint32_t min_width, max_width, step_width;
    uint32_t min_height, max_height, step_height;
} hwalloc_frame_size;
/* Rates from min to max, each so many frames in so many seconds; of a single rate both are equal. */
typedef struct hwalloc_rate_range {
    uint32_t min_frames, min_seconds;
    uint32_t max_frames, max_seconds;
} hwalloc_rate_range;

enum {
    HWALLOC_FORMAT_COMPRESSED = 0x01,
    HWALLOC_FORMAT_EMULATED = 0x02 /* converted in software by a wrapper library, not by the device */
};
typedef struct hwalloc_format_entry {
    size_t struct_size;
    const char* description;
    const hwalloc_frame_size* sizes;
    size_t size_count;     /* 0: the driver does not tell */
    uint32_t pixel_format; /* V4L2's code */
    uint32_t flags;        /* HWALLOC_FORMAT_* */
} hwalloc_format_entry;

/* The pixel formats in the driver's order, with their sizes. Errors: what the driver answers; -ENOMEM. */
HWALLOC_C_API int hwalloc_camera_formats(hwalloc_camera* camera, hwalloc_format_list** list,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_format_list_free(hwalloc_format_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_format_list_size(const hwalloc_format_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_format_list_get(const hwalloc_format_list* list, size_t index,
                                          hwalloc_format_entry* entry,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The rates of one format and size, in the driver's order: at most `most` of them at `rates`, and how many
 * there are at *count; none where the driver does not tell. Errors: as above. */
HWALLOC_C_API int hwalloc_camera_rates(hwalloc_camera* camera, uint32_t pixel_format, uint32_t width,
                                       uint32_t height, hwalloc_rate_range* rates, size_t most, size_t* count,
                                       hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* "progressive", "top then bottom" ... of HWALLOC_FIELD_*; "unknown" for another number. There for ever. */
HWALLOC_C_API const char* hwalloc_field_name(uint32_t field) HWALLOC_C_NOEXCEPT;

/* ---- controls */

typedef struct hwalloc_control_list hwalloc_control_list;

enum {
    HWALLOC_CONTROL_INTEGER = 0,
    HWALLOC_CONTROL_BOOLEAN = 1, /* 0 or 1 */
    HWALLOC_CONTROL_MENU = 2,    /* one of the items */
    HWALLOC_CONTROL_BITS = 3,    /* any of the bits of `max` */
    HWALLOC_CONTROL_BUTTON = 4,  /* does something when it is set; has no value */
    HWALLOC_CONTROL_TEXT = 5,    /* from min to max characters */
    HWALLOC_CONTROL_OTHER = 6    /* is listed, and neither read nor set here */
};
enum {
    HWALLOC_CONTROL_READ_ONLY = 0x01,
    HWALLOC_CONTROL_WRITE_ONLY = 0x02,
    HWALLOC_CONTROL_INACTIVE = 0x04, /* has no effect now, as exposure while it is automatic */
    HWALLOC_CONTROL_LOCKED = 0x08    /* cannot be set now, as while frames are captured */
};
/* Never grows. */
typedef struct hwalloc_control_item {
    int64_t value;
    const char* name; /* "50 Hz" */
} hwalloc_control_item;
typedef struct hwalloc_control_entry {
    size_t struct_size;
    const char* name;                  /* "Exposure Time, Absolute" */
    const hwalloc_control_item* items; /* of a menu; some values between may be missing */
    size_t item_count;
    int64_t min, max, step;
    int64_t default_value; /* not of a text or a button */
    uint32_t id;           /* V4L2_CID_* */
    uint32_t type;         /* HWALLOC_CONTROL_INTEGER ... */
    uint32_t flags;        /* HWALLOC_CONTROL_READ_ONLY ... */
    uint32_t reserved;
} hwalloc_control_entry;

/* All of them in the driver's order; and the one of a name, or of a number as text, as a list of one. May
 * take a while for a USB camera. Errors: -EOPNOTSUPP (no such control), and what the driver answers. */
HWALLOC_C_API int hwalloc_camera_controls(hwalloc_camera* camera, hwalloc_control_list** list,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_find_control(hwalloc_camera* camera, const char* name,
                                              hwalloc_control_list** list,
                                              hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_control_list_free(hwalloc_control_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_control_list_size(const hwalloc_control_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_control_list_get(const hwalloc_control_list* list, size_t index,
                                           hwalloc_control_entry* entry,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The value of a text: at most `size` bytes of it with the zero byte at `text`, and how many it has at
 * *length, which may be NULL. Errors: -EINVAL (no text, or its length does not fit), -EACCES, and as above.
 */
HWALLOC_C_API int hwalloc_camera_get_text_control(hwalloc_camera* camera, const char* name, char* text,
                                                  size_t size, size_t* length,
                                                  hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_set_text_control(hwalloc_camera* camera, const char* name, const char* text,
                                                  hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- which part of the picture, and where in the frame */

/* V4L2's numbers (V4L2_SEL_TGT_*). */
enum {
    HWALLOC_SELECTION_CROP = 0x0000,         /* of what the device sees */
    HWALLOC_SELECTION_CROP_DEFAULT = 0x0001, /* the whole picture; read only, like those that follow */
    HWALLOC_SELECTION_CROP_BOUNDS = 0x0002,
    HWALLOC_SELECTION_NATIVE_SIZE = 0x0003, /* of a sensor, dark edges included */
    HWALLOC_SELECTION_COMPOSE = 0x0100,     /* of the frame: where the picture goes */
    HWALLOC_SELECTION_COMPOSE_DEFAULT = 0x0101,
    HWALLOC_SELECTION_COMPOSE_BOUNDS = 0x0102,
    HWALLOC_SELECTION_COMPOSE_PADDED = 0x0103 /* what the device writes to */
};
/* In pixels. Never grows. */
typedef struct hwalloc_rectangle {
    int32_t left, top;
    uint32_t width, height;
} hwalloc_rectangle;

/* The rectangle `which` (HWALLOC_SELECTION_*). Errors: -EOPNOTSUPP (the driver has no such rectangle),
 * -EINVAL (nor has anybody), and what else it answers. */
HWALLOC_C_API int hwalloc_camera_get_selection(hwalloc_camera* camera, uint32_t which,
                                               hwalloc_rectangle* rectangle,
                                               hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Sets crop or compose, and tells at `now`, which may be NULL, what the driver made of it. Where that changes
 * the format, negotiate again. Errors: as above; -EINVAL (another than these two), -EXDEV (no such rectangle
 * is possible), -EBUSY (memory is bound). */
HWALLOC_C_API int hwalloc_camera_set_selection(hwalloc_camera* camera, uint32_t which,
                                               const hwalloc_rectangle* wanted, hwalloc_rectangle* now,
                                               hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
