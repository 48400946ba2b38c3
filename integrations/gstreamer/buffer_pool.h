// The pool that hwallocate offers.
#pragma once

#include <gst/gst.h>

namespace hwalloc::gst {

// A GstVideoBufferPool whose buffers have memory of `allocator`, whatever allocator it is configured with
// later, unless that is another of hwalloc's. Memory that leaves a buffer is kept for the next. One
// reference, the caller's.
GstBufferPool* make_buffer_pool(GstAllocator* allocator) noexcept;

} // namespace hwalloc::gst
