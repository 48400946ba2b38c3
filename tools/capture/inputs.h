// The input of a camera, and the signal there, as a capture wants them.
#pragma once

#include <string>
#include <vector>

#include "hwalloc/v4l2.h"

namespace hwalloc::tools {

// FrameSource::use_input() of a camera: where the signal has other timings or another standard than the
// device is set to, the device is set to those of the signal.
Result<void> use_input(v4l2::Camera& camera, const std::string& input, std::vector<std::string>& notes);

} // namespace hwalloc::tools
