/* hwalloc memory in GStreamer: every allocator of hwalloc as a GstAllocator. In libhwalloc-gst; pkg-config:
 * hwalloc-gst.
 *
 * Memory with a dma-buf is GstDmaBufMemory, so that elements which take dma-bufs take it; memory with a memfd
 * is GstFdMemory; any other is a GstMemory of its own. All of it is counted and locked by GStreamer's rules;
 * the bytes, the cache maintenance and the errors are hwalloc's. What is refused returns NULL as in all of
 * GStreamer, and is told with cause and remedy in the debug category "hwalloc" (GST_DEBUG=hwalloc:4).
 *
 * gst_init() comes first. Every function may be called by any thread at any time. */
#pragma once

#include <gst/gst.h>

#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

/* Registers every allocator that works for this process, as "hwalloc/NAME" (such as
 * "hwalloc/dma-heap/system") and as NAME where GStreamer has none of that name, so that gst_allocator_find()
 * finds them. Loads hwalloc's Vulkan library, and opens each device for a moment: may block. Does it once; a
 * name that comes to work later is had by hwalloc_gst_allocator_get(). Loading the plugin "hwalloc" registers
 * all but those of Vulkan. */
HWALLOC_C_API void hwalloc_gst_init_once(void) HWALLOC_C_NOEXCEPT;

/* The allocator of that name, with one reference, which the caller ends by gst_object_unref(); registers it
 * as above. `name`: as hwalloc has it, or with "hwalloc/" in front; a family ("dma-heap") is its best
 * instance; NULL or "" is hwalloc's own default. May block. NULL: there is none, and `error`, where given, is
 * set: its code is one of hwalloc/c_error.h's HWALLOC_ERROR_ kinds, its message tells cause and remedy. */
HWALLOC_C_API GstAllocator* hwalloc_gst_allocator_get(const gchar* name, GError** error) HWALLOC_C_NOEXCEPT;

/* The domain of that error. */
#define HWALLOC_GST_ERROR (hwalloc_gst_error_quark())
HWALLOC_C_API GQuark hwalloc_gst_error_quark(void) HWALLOC_C_NOEXCEPT;

/* The name of an allocator in hwalloc, "dma-heap/system", which lives for ever; NULL for another kind of
 * GstAllocator. */
HWALLOC_C_API const gchar* hwalloc_gst_allocator_name(GstAllocator* allocator) HWALLOC_C_NOEXCEPT;

/* An allocator that gives memory of `allocator`, one of hwalloc's, and keeps up to `most` memories, at least
 * 1, that nobody uses any more, for the next that asks: GstMemory, storage and descriptor stay together,
 * nothing is made anew. It keeps memory of the size and parameters that it is first asked for; other requests
 * are passed on. What it gives has the window and the flags of new memory, and the bytes of its last use.
 * What others attached to the memory (qdata) stays. It is one of GstAllocator's own references, for
 * gst_object_unref(); memory may outlive it, and is not kept then. Its properties: "of", `allocator`, and
 * "keeps": set to FALSE it frees what is kept, and keeps nothing until that is TRUE again. NULL: `allocator`
 * is none of hwalloc's. */
HWALLOC_C_API GstAllocator* hwalloc_gst_keeping_allocator_new(GstAllocator* allocator,
                                                              guint most) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
