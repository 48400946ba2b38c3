// Shares, spans and copies of the memory of an allocator.
#pragma once

#include <gst/gst.h>

#include "part.h"

namespace hwalloc::gst {

// Sets how an instance shares and copies, and knows a span.
void set_view_functions(GstAllocator* allocator, const Part& part) noexcept;

} // namespace hwalloc::gst
