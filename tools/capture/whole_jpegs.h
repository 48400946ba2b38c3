// The frames of a camera that sends JPEG, with those marked as damaged that are no picture: a driver hands on
// whatever came, and knows nothing of what is in it.
#pragma once

#include <memory>

#include "tools/capture/source.h"

namespace hwalloc::tools {

// Decodes each frame through the mapping of its memory, for which of them is the last whole one shows only
// when the camera has its buffer back already. `format` is what `source`, which outlives it, agreed on.
std::unique_ptr<FrameSource> whole_jpegs(FrameSource& source, const v4l2::CaptureFormat& format);

} // namespace hwalloc::tools
