// How many bytes a frame of some caps has.
#pragma once

#include <gst/video/video.h>

namespace hwalloc::gst {

// What caps say of a frame. `size` is 0 where they say nothing, as those of sound do.
struct Frame {
    gsize size = 0;
    bool raw = false; // pixels, whose size is exact; else compressed, and the size is what is enough for most
};
Frame frame_of(const GstCaps* caps) noexcept;

} // namespace hwalloc::gst
