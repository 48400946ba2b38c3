// The GstMemory of an allocator of hwalloc. GStreamer counts and locks it, and hwalloc's own count and lock
// stay at one handle: the root GstMemory owns one MemoryRef, which goes when it is freed. Shares are
// GstMemory alone.
#pragma once

#include <gst/gst.h>

#include "hwalloc/memory.h"
#include "hwalloc/result.h"
#include "part.h"

namespace hwalloc::gst {

// The new GstMemory of `by` that owns `memory`, or why it can be none of that form.
Result<GstMemory*> give(GstAllocator* by, const Part& part, MemoryRef memory) noexcept;

// The storage behind a root or a share; null where a program made the memory of a descriptor of its own.
Memory* storage_of(GstMemory* memory) noexcept;

// Something of the caller's that goes with a root: `release` is called with it when the root is freed. Set
// once, before others see the memory; null where none was.
void set_companion(GstMemory* root, gpointer companion, GDestroyNotify release) noexcept;
gpointer companion_of(GstMemory* root) noexcept;
// Gives a root the window and the flags that it was made with.
void make_as_new(GstMemory* root) noexcept;

} // namespace hwalloc::gst
