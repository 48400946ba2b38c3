// clang-format off
/* hwalloc from C, C++, and every language that can call C. One allocator interface for memory that cameras, GPUs,
 * displays and the CPU share: allocators are found by registered name, memory is mapped, shared, copied and handed on
 * by descriptor, the same way whichever memory it is. docs/contract.md says what each call does, edge by edge.
 *
 *   hwalloc_error *error = NULL;
 *   hwalloc_allocator *heap;
 *   hwalloc_memory *memory;
 *   if (hwalloc_resolve("dma-heap/system", &heap, &error) < 0 ||
 *       hwalloc_alloc(heap, 4096, NULL, &memory, &error) < 0) {
 *       fprintf(stderr, "%s\n", hwalloc_error_message(error));
 *       hwalloc_error_free(error);
 *   }
 *
 * What holds for every function:
 *
 * Results.    `int` is 0, or a negative errno: that of the system where a call of its refused, else the kind's
 *             (c_error.h). What a function gives it writes to the pointers before `error`, and only when it succeeds;
 *             after an error nothing has changed unless the function says so.
 * Errors.     `error` may be NULL. Else a new error object is written to it on failure, and nothing on success: begin
 *             with NULL, and release it with hwalloc_error_free(). It tells the whole story, with the remedy. NULL is
 *             written where there was no memory for it; every function on errors takes that.
 * Arguments.  A pointer that is NULL where something is needed is -EINVAL (HWALLOC_ERROR_INVALID), never a crash;
 *             letting go of NULL does nothing. Text is UTF-8 and ends with a zero byte.
 * Structs.    Each begins with struct_size, which the caller sets to sizeof: a library that knows more members leaves
 *             them alone, or takes them as 0; one that knows fewer writes 0 to the rest, and refuses what is not 0
 *             with -E2BIG, as any size above 4096, which no struct has.
 * Ownership.  Who gets an object owns one handle on it and releases that. A descriptor that is lent (borrow) stays the
 *             memory's; one that is given out (export) is the caller's to close; one that is taken in (import) stays
 *             the caller's.
 * Threads.    Every function may be called by any thread at any time, where it does not say otherwise.
 * Callbacks.  None is needed: each may be NULL.
 *
 * The interface is C11's, and that of C++ from C++11 on; it has no macro that is more than a constant, and is apart
 * from the C++ interface in the library's symbol versions (HWALLOC_C_0).
 */
// clang-format on
#pragma once

#include "hwalloc/c_allocator.h"
#include "hwalloc/c_camera.h"
#include "hwalloc/c_camera_inputs.h"
#include "hwalloc/c_camera_offers.h"
#include "hwalloc/c_card.h"
#include "hwalloc/c_devices.h"
#include "hwalloc/c_egl.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_image.h"
#include "hwalloc/c_inventory.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/c_output.h"
#include "hwalloc/c_pixel_format.h"
#include "hwalloc/c_plan.h"
