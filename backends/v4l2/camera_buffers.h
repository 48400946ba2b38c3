// "v4l2/videoN": the buffers of a camera's own, exported as dma-bufs. Often the only memory that a camera
// takes which demands contiguous memory.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "hwalloc/allocator.h"
#include "hwalloc/memory.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc::v4l2::detail {

struct Session;

// An allocator of the buffers of the camera at `node` ("/dev/video0"). Opens nothing. May throw
// std::bad_alloc.
AllocatorRef camera_buffers(std::string node);

// One of the buffers of an open file, which has no name, and is the same each time. Uses that file as long as
// it is open, and then one of its own. With the node's queue_mutex free. May throw std::bad_alloc.
AllocatorRef unnamed_buffers(const std::shared_ptr<Session>& session);

// What is registered by the name of the camera with this device number, whichever node it was opened by;
// null: nothing, as in a container whose /dev has the camera by a name that no camera has ("docker run
// --device /dev/video0:/dev/cam"). May throw std::bad_alloc.
Allocator* find_camera_buffers(dev_t device);
// The same for wrap_own_buffer(); where nothing of ours is registered, that without a name.
AllocatorRef own_allocator_of(const std::shared_ptr<Session>& session);
// A buffer of at least `size` bytes that the driver has just exported, as memory of such an allocator: all of
// it, because a driver tells a length that is its format's, and others may need the rest of the last page.
// Errors: those of DmaBuf::adopt.
Result<MemoryRef> wrap_own_buffer(Allocator& camera_buffers, UniqueFd buffer, std::size_t size) noexcept;

} // namespace hwalloc::v4l2::detail
