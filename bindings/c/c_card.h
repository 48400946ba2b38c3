/* Graphics cards (DRM) in C: dumb buffers as memory, and any memory as a GEM handle or a framebuffer of a
 * card, without a copy. Asking for "drm-dumb/card0" by name needs none of this. See hwalloc/hwalloc.h.
 *
 * The way to the screen: memory -> hwalloc_card_framebuffer() once for each buffer; then the application's
 * own mode setting and page flips, on its own descriptor, with hwalloc_framebuffer_id(). docs/display.md
 * shows it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_allocator.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"
#include "hwalloc/c_image.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/c_plan.h"

HWALLOC_C_BEGIN

/* An open file of a card, which its handles, framebuffers and allocators keep open, too. */
typedef struct hwalloc_card hwalloc_card;

/* On which open file of the card its GEM handles and framebuffers are. */
enum {
    HWALLOC_HANDLES_ON_OWN_FILE = 0,  /* one of the library's own: no handle of the application's is closed */
    HWALLOC_HANDLES_ON_GIVEN_FILE = 1 /* the application's: it tells its own by hwalloc_card_adopt_handle() */
};

/* A new open file of the library's own, by node ("card0", "/dev/dri/card0") or by its driver's name, which is
 * never DRM master. Errors: -ENOENT, -EACCES, -ENOMEM. */
HWALLOC_C_API int hwalloc_card_open(const char* which, hwalloc_card** card,
                                    hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The card behind the application's descriptor, which stays the application's and may be closed at any time;
 * with HWALLOC_HANDLES_ON_GIVEN_FILE a duplicate is kept. Errors: -EBADF (not open), -EINVAL (not a
 * card's), -ENOMEM, and what opening another file of it answers; -EOPNOTSUPP. */
HWALLOC_C_API int hwalloc_card_wrap(int fd, uint32_t handles, hwalloc_card** card,
                                    hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_card_free(hwalloc_card* card) HWALLOC_C_NOEXCEPT;
/* The descriptor that handles and framebuffers are on, for ioctls, lent as long as the card; -1: none. */
HWALLOC_C_API int hwalloc_card_fd(const hwalloc_card* card) HWALLOC_C_NOEXCEPT;
/* "virtio_gpu", and "/dev/dri/card0"; both belong to the card. */
HWALLOC_C_API const char* hwalloc_card_driver(const hwalloc_card* card) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_card_node(const hwalloc_card* card) HWALLOC_C_NOEXCEPT;
/* A new allocator of dumb buffers on this very file, under no name: hwalloc_allocator_unref() ends it. Error:
 * -ENOMEM. */
HWALLOC_C_API int hwalloc_card_dumb_allocator(hwalloc_card* card, hwalloc_allocator** allocator,
                                              hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- GEM handles */

/* One owner of a GEM handle, which its last owner closes. One object is not for two threads at once. */
typedef struct hwalloc_gem_handle hwalloc_gem_handle;

/* `memory`'s handle on the card's file, for the whole storage. Errors: -EOPNOTSUPP (no dma-buf), -EXDEV (the
 * card does not take it), -ENOMEM, -ENODEV, -EINVAL (a child of fork()). */
HWALLOC_C_API int hwalloc_card_gem_handle(hwalloc_card* card, hwalloc_memory* memory,
                                          hwalloc_gem_handle** handle,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* For one that the application made on hwalloc_card_fd() by an ioctl of its own: as long as this lives,
 * nobody else closes it. Errors: -ENOENT (no such handle), -EINVAL (one that cannot be exported), -ENOMEM. */
HWALLOC_C_API int hwalloc_card_adopt_handle(hwalloc_card* card, uint32_t value, hwalloc_gem_handle** handle,
                                            hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* For ioctls on hwalloc_card_fd(). 0: none. */
HWALLOC_C_API uint32_t hwalloc_gem_handle_value(const hwalloc_gem_handle* handle) HWALLOC_C_NOEXCEPT;
/* Ends the object, and gives the handle to the caller, who closes it: no other owner does any more. 0: none.
 */
HWALLOC_C_API uint32_t hwalloc_gem_handle_release(hwalloc_gem_handle* handle) HWALLOC_C_NOEXCEPT;
/* Ends the object: the last owner closes the handle. */
HWALLOC_C_API void hwalloc_gem_handle_free(hwalloc_gem_handle* handle) HWALLOC_C_NOEXCEPT;

/* ---- what a screen shows */

/* Keeps its memories alive. When it is freed, whatever shows it is turned off: show another one first. */
typedef struct hwalloc_framebuffer hwalloc_framebuffer;

/* The picture in `memory`, whose planes are all in it, as a framebuffer. Needs no DRM master. Errors: as
 * hwalloc_card_gem_handle(); -EINVAL (a plane outside the memory), -EOPNOTSUPP (a card without screens, a
 * modifier on a driver that knows none), -EXDEV (what the driver cannot show). */
HWALLOC_C_API int hwalloc_card_framebuffer(hwalloc_card* card, hwalloc_memory* memory,
                                           const hwalloc_image_layout* layout,
                                           hwalloc_framebuffer** framebuffer,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The same for a picture in as many memories as it has. */
HWALLOC_C_API int hwalloc_card_image_framebuffer(hwalloc_card* card, const hwalloc_image* image,
                                                 hwalloc_framebuffer** framebuffer,
                                                 hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* For mode setting and page flips on any descriptor of the card. */
HWALLOC_C_API uint32_t hwalloc_framebuffer_id(const hwalloc_framebuffer* framebuffer) HWALLOC_C_NOEXCEPT;
/* The GEM handle of its memory, of several the one with this number; 0: none. */
HWALLOC_C_API uint32_t hwalloc_framebuffer_handle(const hwalloc_framebuffer* framebuffer,
                                                  uint32_t which) HWALLOC_C_NOEXCEPT;
/* Removes it. */
HWALLOC_C_API void hwalloc_framebuffer_free(hwalloc_framebuffer* framebuffer) HWALLOC_C_NOEXCEPT;

/* ---- in plans */

enum {
    HWALLOC_CARD_IMPORTS = 0,
    HWALLOC_CARD_SHOWS = 1
}; /* memory becomes a GEM handle; and a framebuffer */
HWALLOC_C_API int hwalloc_card_participant(const hwalloc_card* card, uint32_t use,
                                           hwalloc_participant** participant,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
