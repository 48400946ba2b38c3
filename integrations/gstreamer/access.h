// The CPU's access to the memory of an allocator.
#pragma once

#include <gst/gst.h>

#include "part.h"

namespace hwalloc::gst {

// Sets how an instance maps and unmaps. GStreamer's lock is held, and hwalloc's is not taken.
void set_access_functions(GstAllocator* allocator, const Part& part) noexcept;

} // namespace hwalloc::gst
