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
struct FormatFields {
    std::uint32_t pixel_format, width, height, field, stride, size, memories;
    Colors colors;
};

// V4L2_FIELD_*; what says nothing is progressive.
Field field_of(std::uint32_t field) noexcept;
FormatFields fields_of(const v4l2_format& format) noexcept;
// Makes the current format a request. Colours are left as the driver has them by default.
void apply(const FormatRequest& request, v4l2_format& format) noexcept;
// An odd size with less bytes than its whole chroma numbers need is an image without fourcc: where the last
// of them are is not known. Error: incompatible, when the numbers do not fit together.
Result<ImageLayout> layout_of(const FormatFields& fields) noexcept;

} // namespace hwalloc::v4l2::detail
