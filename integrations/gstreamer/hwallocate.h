// The element hwallocate.
#pragma once

#include <gst/gst.h>

namespace hwalloc::gst {

GType hwallocate_type() noexcept;

} // namespace hwalloc::gst
