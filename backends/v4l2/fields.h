// The fields of a V4L2 format, the same for the single-planar and the multi-planar interface.
#pragma once

#include <linux/videodev2.h>

#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2::detail {

// What the driver said of colours.
struct Colors {
    std::uint32_t colorspace, encoding, quantization;
};

// `stride` and `size` are those of the first memory.
struct Answered {
    std::uint32_t pixel_format, width, height, field, stride, size, memories;
    Colors colors;
};

Answered read(const v4l2_format& format) noexcept;
// The current format with the request laid over it. Colours are left as the driver has them by default.
void write(v4l2_format& format, const FormatRequest& request) noexcept;
// Error: incompatible, when the numbers do not fit together.
Result<ImageLayout> layout_of(const Answered& answered) noexcept;

} // namespace hwalloc::v4l2::detail
