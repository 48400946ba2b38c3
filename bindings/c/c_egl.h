/* What EGL wants to hear of a picture, in C: for eglCreateImage(EGL_LINUX_DMA_BUF_EXT). Plain numbers:
 * neither this header nor the library needs EGL. See hwalloc/hwalloc.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"
#include "hwalloc/c_image.h"
#include "hwalloc/c_memory.h"

HWALLOC_C_BEGIN

enum { HWALLOC_EGL_MAX_ATTRIBUTES = 51 };
enum {
    HWALLOC_EGL_TELL_MODIFIERS = 0, /* the display has EGL_EXT_image_dma_buf_import_modifiers */
    HWALLOC_EGL_OMIT_MODIFIERS = 1  /* it has not: only linear images can be told */
};

/* A list that ends with EGL_NONE, as eglCreateImage takes it. eglCreateImageKHR takes EGLint: copy the
 * values, each of which fits. */
typedef struct hwalloc_egl_attributes {
    size_t struct_size;
    size_t count; /* EGL_NONE included */
    intptr_t values[HWALLOC_EGL_MAX_ATTRIBUTES];
} hwalloc_egl_attributes;

/* Of a picture whose memories have these descriptors: one for each memory of the layout, lent (EGL duplicates
 * them). Errors: -EINVAL (no planes, or too few descriptors), -EOPNOTSUPP (a format without a DRM name,
 * numbers above INT_MAX, or a modifier that must be told and is to be omitted). */
HWALLOC_C_API int hwalloc_egl_attributes_of_fds(const hwalloc_image_layout* layout, const int* fds,
                                                size_t fd_count, uint32_t modifiers,
                                                hwalloc_egl_attributes* attributes,
                                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Of a picture in one memory: its dma-buf, and where its window begins there. The descriptor is the memory's:
 * call eglCreateImage while that lives. Errors: those, and those of hwalloc_memory_borrow_fd(). */
HWALLOC_C_API int hwalloc_egl_attributes_of_memory(const hwalloc_memory* memory,
                                                   const hwalloc_image_layout* layout, uint32_t modifiers,
                                                   hwalloc_egl_attributes* attributes,
                                                   hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
