// The fields of a V4L2 format, the same for the single-planar and the multi-planar interface.
#pragma once

#include <linux/videodev2.h>

#include <array>

#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2::detail {

// What the driver said of colours.
struct Colors {
    std::uint32_t colorspace, encoding, quantization;
};

// Of one memory of an image.
struct MemoryFields {
    std::uint32_t stride, size;

    friend bool operator==(const MemoryFields&, const MemoryFields&) noexcept = default;
};

// `memories` may be more than there is room for, or 0: what a driver says is checked by check_answer().
struct FormatFields {
    std::uint32_t pixel_format, width, height, field, memories;
    Colors colors;
    std::array<MemoryFields, ImageLayout::max_planes> in;

    std::uint32_t stride() const noexcept { return in[0].stride; }
    std::uint32_t size() const noexcept { return in[0].size; }
    bool several_memories() const noexcept { return memories > 1; }
};

// The format of the fields by its name in drm_fourcc.h, whether its planes are in one memory or in several; 0
// where it has none.
std::uint32_t drm_of(const FormatFields& fields) noexcept;

// V4L2_FIELD_*; what says nothing is progressive.
Field field_of(std::uint32_t field) noexcept;
FormatFields fields_of(const v4l2_format& format) noexcept;
// Makes the current format a request. Colours are left as the driver has them by default.
void apply(const FormatRequest& request, v4l2_format& format) noexcept;
// An odd size with less bytes than its whole chroma numbers need is an image without fourcc: where the last
// of them are is not known. Error: incompatible, when the numbers do not fit together.
Result<ImageLayout> layout_of(const FormatFields& fields) noexcept;

} // namespace hwalloc::v4l2::detail
