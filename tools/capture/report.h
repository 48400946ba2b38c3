// What a capture tells about itself, for programs and for people.
#pragma once

#include <string>
#include <vector>

#include "tools/capture/attempt.h"
#include "tools/capture/loop.h"
#include "tools/output.h"

namespace hwalloc::tools {

// `source`: what gives the frames. `output`: where they were written; empty: nowhere. `passed_over`: cameras
// that were tried first, and why each did not do.
Json report(const FrameSource& source, const Started& started, const Statistics& statistics,
            const std::string& output, const std::vector<Error>& passed_over);
std::string summary(const FrameSource& source, const Started& started, const Statistics& statistics);

} // namespace hwalloc::tools
