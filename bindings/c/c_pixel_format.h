/* Pixel formats in C: their codes and names, and where each number of a pixel stands. See hwalloc/hwalloc.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

/* The codes of the format that people call so ("YUYV", "nv12", "BGRA"); each place may be NULL, and is 0
 * where that interface has no code for it: drm_fourcc.h's, videodev2.h's, VkFormat. Error: -EINVAL, where
 * nothing is called so. */
HWALLOC_C_API int hwalloc_pixel_format(const char* name, uint32_t* drm, uint32_t* v4l2, uint32_t* vulkan,
                                       hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* What the command calls the format of a code, by DRM's, by V4L2's and by VkFormat; NULL: not known. There
 * for ever. */
HWALLOC_C_API const char* hwalloc_drm_format_name(uint32_t code) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_v4l2_format_name(uint32_t code) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_vulkan_format_name(uint32_t code) HWALLOC_C_NOEXCEPT;
/* 1: its numbers are Y'CbCr, grey included; else 0. */
HWALLOC_C_API int hwalloc_drm_format_is_yuv(uint32_t code) HWALLOC_C_NOEXCEPT;
/* V4L2's code of a format by DRM's, and back; 0 where the other side has none. Formats of one memory only. */
HWALLOC_C_API uint32_t hwalloc_v4l2_of_drm_format(uint32_t code) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint32_t hwalloc_drm_of_v4l2_format(uint32_t code) HWALLOC_C_NOEXCEPT;
/* The four letters of a code as text, "YUYV", whether it is known or not: at most `size` bytes of it with the
 * zero byte, at `text`. A byte that cannot be printed is '?', and 0 is "none". Returns how many bytes it has,
 * without the zero byte. */
HWALLOC_C_API size_t hwalloc_fourcc_name(uint32_t code, char* text, size_t size) HWALLOC_C_NOEXCEPT;

/* ---- what is known of one */

/* What the numbers of a pixel are, in the order of the components. */
enum {
    HWALLOC_PIXEL_RGB = 0,       /* R, G, B, alpha */
    HWALLOC_PIXEL_YUV = 1,       /* Y, Cb, Cr, alpha */
    HWALLOC_PIXEL_GREY = 2,      /* Y alone */
    HWALLOC_PIXEL_BAYER = 3,     /* one colour each, by the mosaic */
    HWALLOC_PIXEL_HSV = 4,       /* hue, saturation, value */
    HWALLOC_PIXEL_COMPRESSED = 5 /* a stream of bytes: no planes, no components */
};
/* How the bits of a row are counted, bit 0 being the lowest of what comes first. */
enum {
    HWALLOC_PACKING_LITTLE_ENDIAN = 0, /* through the bytes as they come */
    HWALLOC_PACKING_BIG_ENDIAN_16 = 1, /* the same after the bytes of every two are swapped */
    HWALLOC_PACKING_BIG_ENDIAN_32 = 2, /* of every four */
    HWALLOC_PACKING_MIPI = 3 /* groups of pixels: a byte of high bits each, then the low bits of all */
};

/* So many bytes for each group of `columns` pixels of a row, and a row for each `rows` of the picture. Never
 * grows, as the next. */
typedef struct hwalloc_pixel_plane {
    uint32_t bytes, columns, rows;
} hwalloc_pixel_plane;
/* Where the numbers of one component stand in a row of their plane, in bits: the lowest bit of the first, and
 * from one to the next. */
typedef struct hwalloc_pixel_component {
    uint32_t plane, first, step;
    uint32_t bits; /* of one number; 0: the format has no such component */
} hwalloc_pixel_component;

/* The texts are there for ever. */
typedef struct hwalloc_pixel_format_info {
    size_t struct_size;
    const char* name;          /* as the command shows it */
    const char* aliases;       /* what else people type, in capitals, with a space between two */
    const char* why_no_drm;    /* why that interface has no code for it; NULL where it has one */
    const char* why_no_v4l2;   /* with all planes in one memory */
    const char* why_no_vulkan; /* VkFormat */
    uint32_t drm;              /* the codes; 0: none */
    uint32_t v4l2;
    uint32_t vulkan;
    uint32_t v4l2_memory_per_plane;        /* V4L2's where each plane is in a memory of its own; 0: none */
    uint32_t v4l2_old[2];                  /* codes of V4L2 for the same bytes, of old; 0: none */
    uint32_t kind;                         /* HWALLOC_PIXEL_* */
    uint32_t packing;                      /* HWALLOC_PACKING_* */
    uint32_t is_float;                     /* 1: IEEE numbers; 0: unsigned */
    uint32_t chroma_columns, chroma_rows;  /* pixels that share a chroma number, across and down; else 1 */
    uint32_t plane_count;                  /* of `planes` */
    hwalloc_pixel_plane planes[3];         /* where they are */
    hwalloc_pixel_component components[4]; /* of which the first one's bits are the depth */
    uint32_t mosaic[4]; /* Bayer: 0 red, 1 green, 2 blue; two pixels of the first row, two of the second */
    uint32_t reserved;
} hwalloc_pixel_format_info;

/* How many formats are known, and what is known of one, by its number among them and by a name (as above).
 * Error: -EINVAL (there is none). */
HWALLOC_C_API size_t hwalloc_pixel_formats(void) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_pixel_format_at(size_t index, hwalloc_pixel_format_info* format,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_pixel_format_named(const char* name, hwalloc_pixel_format_info* format,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
