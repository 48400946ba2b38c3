// The picture that somebody wants of a device, and what the driver makes of it.
#pragma once

#include "backends/v4l2/formats.h"

namespace hwalloc::v4l2::detail {

struct Picture {
    std::uint32_t fourcc, width, height; // as in drm_fourcc.h
    std::uint32_t stride;                // proposed; 0: the driver's choice
    bool memory_per_plane = false;       // each plane in a memory of its own
};
// The picture that a layout is of.
Picture picture_of(const ImageLayout& layout) noexcept;
// V4L2's code; 0: it has none.
std::uint32_t pixel_format_of(const Picture& picture) noexcept;
// With the fields that the device has: whoever set them wants them.
FormatRequest request_of(const Picture& picture, const v4l2_format& current) noexcept;

// What the driver answered to `call_name`, when it is the picture that was wanted. Errors: those of
// check_answer(); `refusal`, when it is another.
Result<FormatFields> check_picture(const Session& session, const v4l2_format& format, const Picture& picture,
                                   ErrorKind refusal, const char* call_name, std::string_view doing);

// What the driver would make of a picture (TRY_FMT): that format and size, with a stride of the driver's.
// Errors: as above; `refusal`, when the driver has another format or size instead, or V4L2 has no name for
// the format; invalid (no pixels).
Result<FormatFields> try_format(const Session& session, const Picture& picture, ErrorKind refusal);

} // namespace hwalloc::v4l2::detail
