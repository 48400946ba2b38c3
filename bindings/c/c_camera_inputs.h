/* Where a camera's picture comes from, in C: its inputs, and the signal at them. See hwalloc/hwalloc.h.
 *
 * A webcam has one input and nothing to set there. Elsewhere, before hwalloc_camera_negotiate(), and again
 * with nothing bound when the source has changed: set_input -> detect_timings -> set_timings     or set_input
 * -> detect_standard -> set_standard All of it changes the device for everybody, and may change its format.
 * Used as the camera's own functions: not by two threads at once. Errors of all: -EOPNOTSUPP (the device has
 * no such thing); -ENOLINK (there is no signal), -ENOLCK (it is not stable), -ERANGE (one that the device
 * cannot receive); -EBUSY; -EINVAL (what sets something is called while memory is bound), and what else the
 * driver answers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_camera.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

/* A list is the caller's, who frees it; texts of what it tells belong to it. */
typedef struct hwalloc_input_list hwalloc_input_list;

enum {
    HWALLOC_INPUT_HAS_STANDARDS = 0x01, /* hwalloc_camera_set_standard() is for it */
    HWALLOC_INPUT_HAS_TIMINGS = 0x02    /* hwalloc_camera_set_timings() is for it */
};
typedef struct hwalloc_input {
    size_t struct_size;
    const char* name;   /* "HDMI 0" */
    uint64_t standards; /* that it may be set to: bits as a video standard's */
    uint32_t index;     /* the driver's number of it */
    uint32_t flags;     /* HWALLOC_INPUT_* */
} hwalloc_input;

/* In the driver's order; none where it knows of no inputs. */
HWALLOC_C_API int hwalloc_camera_inputs(hwalloc_camera* camera, hwalloc_input_list** list,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_input_list_free(hwalloc_input_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_input_list_size(const hwalloc_input_list* list) HWALLOC_C_NOEXCEPT;
/* Error: -EINVAL (there are not so many), as of the like functions below. */
HWALLOC_C_API int hwalloc_input_list_get(const hwalloc_input_list* list, size_t index, hwalloc_input* input,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The selected one's number, and selecting one by that. Error: -EINVAL, too, where there is no such number.
 */
HWALLOC_C_API int hwalloc_camera_get_input(hwalloc_camera* camera, uint32_t* index,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_set_input(hwalloc_camera* camera, uint32_t index,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* 0: the selected input delivers pictures as the device is set, or the device knows nothing of signals.
 * Errors: those above; -ENOENT (the input has no power), -EXDEV (the device is set to another standard or
 * timings). */
HWALLOC_C_API int hwalloc_camera_check_signal(hwalloc_camera* camera,
                                              hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* 1 at *changed: the source has changed since it was told last; 0: it has not, or the driver does not tell.
 * For a camera that is not streaming: POLLPRI at its descriptor once this was called for the selected input.
 */
HWALLOC_C_API int hwalloc_camera_source_changed(hwalloc_camera* camera, int* changed,
                                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- analog inputs */

typedef struct hwalloc_standard_list hwalloc_standard_list;

typedef struct hwalloc_video_standard {
    size_t struct_size;
    const char* name;     /* "PAL" */
    uint64_t bits;        /* V4L2_STD_*: one standard, or a family of them */
    uint32_t lines;       /* of a whole picture, those that nobody sees included */
    uint32_t rate_frames; /* whole pictures: so many in so many seconds */
    uint32_t rate_seconds;
    uint32_t reserved;
} hwalloc_video_standard;

/* What the selected input can be set to. */
HWALLOC_C_API int hwalloc_camera_standards(hwalloc_camera* camera, hwalloc_standard_list** list,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_standard_list_free(hwalloc_standard_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_standard_list_size(const hwalloc_standard_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_standard_list_get(const hwalloc_standard_list* list, size_t index,
                                            hwalloc_video_standard* standard,
                                            hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* As bits: what it is set to; what the signal is, or all that it may be, which may take half a second;
 * setting it. */
HWALLOC_C_API int hwalloc_camera_get_standard(hwalloc_camera* camera, uint64_t* bits,
                                              hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_detect_standard(hwalloc_camera* camera, uint64_t* bits,
                                                 hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_set_standard(hwalloc_camera* camera, uint64_t bits,
                                              hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- digital inputs */

typedef struct hwalloc_timings_list hwalloc_timings_list;

/* The picture of a digital signal with the blanking around it, in pixels and lines, as in the kernel's
 * v4l2_bt_timings. */
typedef struct hwalloc_dv_timings {
    size_t struct_size;
    uint64_t pixel_clock;   /* Hz */
    uint32_t width, height; /* of what is seen; of both fields */
    uint32_t interlaced;    /* 1: it is */
    uint32_t h_front_porch, h_sync, h_back_porch;
    uint32_t v_front_porch, v_sync, v_back_porch;
    uint32_t second_v_front_porch, second_v_sync, second_v_back_porch; /* of the second field */
    uint32_t polarities, standards, flags;                             /* V4L2_DV_* */
    uint32_t aspect_width, aspect_height;                              /* of the picture; 0: not told */
    uint32_t cea861_vic, hdmi_vic;                                     /* codes of the mode; 0: not told */
    uint32_t reserved;
} hwalloc_dv_timings;

/* Whole pictures a second; and in words, "1920x1080 interlaced, 30 pictures a second": at most `size` bytes
 * with the zero byte at `text`; returns how many it has, 0 of timings that mean nothing. */
HWALLOC_C_API double hwalloc_dv_timings_rate(const hwalloc_dv_timings* timings) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_dv_timings_text(const hwalloc_dv_timings* timings, char* text,
                                             size_t size) HWALLOC_C_NOEXCEPT;
/* The modes that the driver names; a device may take others. */
HWALLOC_C_API int hwalloc_camera_timings(hwalloc_camera* camera, hwalloc_timings_list** list,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_timings_list_free(hwalloc_timings_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_timings_list_size(const hwalloc_timings_list* list) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_timings_list_get(const hwalloc_timings_list* list, size_t index,
                                           hwalloc_dv_timings* timings,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* What the selected input is set to; what the signal has; setting it. */
HWALLOC_C_API int hwalloc_camera_get_timings(hwalloc_camera* camera, hwalloc_dv_timings* timings,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_detect_timings(hwalloc_camera* camera, hwalloc_dv_timings* timings,
                                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_camera_set_timings(hwalloc_camera* camera, const hwalloc_dv_timings* timings,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
