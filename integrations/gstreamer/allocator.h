// A GstAllocator on an allocator of hwalloc, of one of three GTypes: with dma-bufs, with memfds, with
// neither.
#pragma once

#include <gst/gst.h>

#include "hwalloc/allocator.h"
#include "hwalloc/result.h"

namespace hwalloc::gst {

// A new one, with one reference, the caller's. Error: unsupported (it allocates nothing).
Result<GstAllocator*> make_allocator(Allocator& allocator) noexcept;

} // namespace hwalloc::gst
