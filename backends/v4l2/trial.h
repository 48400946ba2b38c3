// Trials on a device: of a format, which has no effect, and of memory, which is undone.
#pragma once

#include "backends/v4l2/formats.h"

namespace hwalloc::v4l2::detail {

struct Picture {
    std::uint32_t fourcc, width, height; // as in drm_fourcc.h
    std::uint32_t stride;                // proposed; 0: the driver's choice
};
// What the driver would make of a picture (TRY_FMT): that format and size, with a stride of the driver's.
// Errors: as above; `refusal`, when the driver has another format or size instead, or V4L2 has no name for
// the format; invalid (no pixels).
Result<FormatFields> try_format(const Session& session, const Picture& picture, ErrorKind refusal);

// Imports `memory` into the queue as it is bound, with the format that `layout` is, and undoes both. A
// reservation is made again. Errors: see Participant::attempt. A format that cannot be put back is forgotten:
// the camera must be negotiated with again then.
Result<void> try_import(Session& session, const Memory& memory, const ImageLayout& layout);

// Whether the CPU can copy images of `layout` between the driver's buffers and `memory`: it can be mapped for
// that, and the driver has rows of that length. Errors: see Participant::attempt.
Result<void> try_copy(const Session& session, Memory& memory, const ImageLayout& layout);

} // namespace hwalloc::v4l2::detail
