// "v4l2/videoN": the buffers of a camera's own, exported as dma-bufs. Often the only memory that a camera
// takes which demands contiguous memory.
#pragma once

#include <string>

#include "hwalloc/allocator.h"

namespace hwalloc::v4l2::detail {

// An allocator of the buffers of the camera at `node` ("/dev/video0"). Opens nothing. May throw
// std::bad_alloc.
AllocatorRef camera_buffers(std::string node);

} // namespace hwalloc::v4l2::detail
