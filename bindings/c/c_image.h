/* Pictures in C: layouts, memory for a picture, and a picture that anybody knows. See hwalloc/hwalloc.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_allocator.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/c_pixel_format.h"

HWALLOC_C_BEGIN

enum { HWALLOC_MAX_PLANES = 4 };

/* Modifiers of drm_fourcc.h: rows one after the other, and "its maker did not tell". */
#define HWALLOC_MODIFIER_LINEAR 0ull
#define HWALLOC_MODIFIER_UNKNOWN 0x00ffffffffffffffull

/* How Y'CbCr numbers were made, and what black and white are. */
enum {
    HWALLOC_MATRIX_UNSPECIFIED = 0,
    HWALLOC_MATRIX_RGB = 1,
    HWALLOC_MATRIX_BT601 = 2,
    HWALLOC_MATRIX_BT709 = 3,
    HWALLOC_MATRIX_BT2020 = 4,
    HWALLOC_MATRIX_BT2020_CONSTANT = 5,
    HWALLOC_MATRIX_SMPTE240M = 6,
    HWALLOC_MATRIX_HSV_180 = 7,
    HWALLOC_MATRIX_HSV_256 = 8
};
enum { HWALLOC_RANGE_UNSPECIFIED = 0, HWALLOC_RANGE_LIMITED = 1, HWALLOC_RANGE_FULL = 2 };

/* Never grows: an array has them. */
typedef struct hwalloc_image_plane {
    uint32_t memory; /* which memory of the image */
    uint32_t stride; /* bytes from one row to the next */
    uint64_t offset; /* of the first row in that memory, in bytes */
    uint64_t size;   /* bytes: stride times rows */
} hwalloc_image_plane;

typedef struct hwalloc_image_layout {
    size_t struct_size;
    uint32_t fourcc; /* of drm_fourcc.h; 0: it has no name for it */
    uint32_t width;  /* in pixels */
    uint32_t height;
    uint32_t plane_count;
    uint64_t modifier;
    hwalloc_image_plane planes[HWALLOC_MAX_PLANES];
    uint64_t memory_sizes[HWALLOC_MAX_PLANES]; /* bytes that each memory must have at least */
    uint32_t memory_count;
    uint32_t matrix; /* HWALLOC_MATRIX_* */
    uint32_t range;  /* HWALLOC_RANGE_* */
    uint32_t reserved;
} hwalloc_image_layout;

/* A picture: memories, and where the pixels are in them. */
typedef struct hwalloc_image hwalloc_image;

/* The linear layout in one memory, as V4L2 has it; `stride` of the first plane in bytes, 0: the smallest.
 * Errors: -EOPNOTSUPP (a format that is not known), -EINVAL, -EOVERFLOW. */
HWALLOC_C_API int hwalloc_linear_layout(uint32_t fourcc, uint32_t width, uint32_t height, uint32_t stride,
                                        hwalloc_image_layout* layout,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The same planes, each in a memory of its own. `layout`: one that that function gave. */
HWALLOC_C_API int hwalloc_memory_per_plane(hwalloc_image_layout* layout,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* New memory for a picture, laid out by the allocator's device where that has rules, and as one of
 * `modifiers` has it (none: linear). The caller frees the picture. Errors: -EOPNOTSUPP, -EINVAL, -EOVERFLOW,
 * and those of allocating. */
HWALLOC_C_API int hwalloc_alloc_image(hwalloc_allocator* allocator, uint32_t fourcc, uint32_t width,
                                      uint32_t height, const uint64_t* modifiers, size_t modifier_count,
                                      hwalloc_image** image, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* New memory for a picture that lies as `layout` says. Errors: as there. */
HWALLOC_C_API int hwalloc_alloc_layout(hwalloc_allocator* allocator, const hwalloc_image_layout* layout,
                                       hwalloc_image** image, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Memory `index` of a picture, lent as long as that; NULL: it has no more. hwalloc_memory_ref() keeps it
 * longer. */
HWALLOC_C_API hwalloc_memory* hwalloc_image_memory(const hwalloc_image* image,
                                                   uint32_t index) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_image_get_layout(const hwalloc_image* image, hwalloc_image_layout* layout,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Releases the picture's handles on its memories. */
HWALLOC_C_API void hwalloc_image_free(hwalloc_image* image) HWALLOC_C_NOEXCEPT;

/* ---- a picture that anybody knows, for programs and tests without a camera */

/* Eight bars of 75 % intensity (white, yellow, cyan, green, magenta, red, blue, black), which wander to the
 * left by two pixels with each frame, drawn by the CPU. Several threads may draw at once. */
typedef struct hwalloc_test_pattern hwalloc_test_pattern;

/* Prepares the rows of pictures of this layout: linear, in one memory, of R, G and B, of Y'CbCr (whose matrix
 * is told) or of grey. The caller frees it. Errors: -EOPNOTSUPP (another format, no matrix), -EINVAL (it does
 * not lie inside memory_sizes[0]), -ENOMEM. */
HWALLOC_C_API int hwalloc_test_pattern_new(const hwalloc_image_layout* layout, hwalloc_test_pattern** pattern,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_test_pattern_free(hwalloc_test_pattern* pattern) HWALLOC_C_NOEXCEPT;
/* Draws frame number `frame` into memory, which is mapped for writing meanwhile, and into `size` bytes that
 * are mapped. Errors: -EXDEV (fewer bytes than memory_sizes[0]), and those of mapping. */
HWALLOC_C_API int hwalloc_test_pattern_draw(const hwalloc_test_pattern* pattern, hwalloc_memory* memory,
                                            uint32_t frame, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_test_pattern_draw_bytes(const hwalloc_test_pattern* pattern, void* picture,
                                                  size_t size, uint32_t frame,
                                                  hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The colour of column `x` in that frame, 0xRRGGBB: what a reader should find, within the rounding of the
 * format. */
HWALLOC_C_API uint32_t hwalloc_test_pattern_color(const hwalloc_test_pattern* pattern, uint32_t x,
                                                  uint32_t frame) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
