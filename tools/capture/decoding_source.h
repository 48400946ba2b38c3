// A camera that sends JPEG as a source of pixels: the CPU decodes each frame into memory of the
// application's, for who takes no JPEG.
#pragma once

#include <memory>

#include "tools/capture/source.h"

namespace hwalloc::tools {

// What the frames of a camera become: B, G, R and a byte without a meaning, in rows that begin at multiples
// of 256 bytes. GPUs and displays all take that, whatever sampling of chroma the camera has (of Y'CbCr each
// takes another kind), and the decoder makes it as it goes. Error: what linear_layout() says of the size.
Result<v4l2::CaptureFormat> decoded_format(const v4l2::CaptureFormat& jpeg);

// Its buffers are those that it is told to bind, any that can be mapped for writing; those of `source`, which
// outlives it, are bound to that before and hold what came from the camera: they go back to it at once. A
// frame that is no picture is marked as damaged. unbind() lets all of them go.
std::unique_ptr<FrameSource> decoding_source(FrameSource& source, const v4l2::CaptureFormat& jpeg,
                                             const v4l2::CaptureFormat& decoded);

} // namespace hwalloc::tools
