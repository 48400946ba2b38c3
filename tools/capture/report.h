// What a capture tells about itself, for programs and for people.
#pragma once

#include <string>
#include <vector>

#include "tools/capture/buffers.h"
#include "tools/capture/loop.h"
#include "tools/output.h"

namespace hwalloc::tools {

// `imports`: into the camera's driver. `output`: where frames were written; empty: nowhere. `passed_over`:
// cameras that were tried first, and why each did not do.
Json report(const FrameSource& source, const v4l2::CaptureFormat& format, const Buffers& buffers,
            std::uint32_t imports, const Statistics& statistics, const std::string& output,
            const std::vector<Error>& passed_over);
std::string summary(const FrameSource& source, const v4l2::CaptureFormat& format, const Buffers& buffers,
                    const Statistics& statistics, std::uint32_t imports);

} // namespace hwalloc::tools
