// The format of a capture: what was asked for, or what the use of the frames wants.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/capture/source.h"

namespace hwalloc::tools {

// The formats that a picture can be made of, as V4L2 calls them, the best one first; JPEG, which has lost
// something, is the last.
std::span<const std::uint32_t> formats_for_pictures();

// Negotiates, and adds to `notes` what the source does differently from what was asked for, and in which
// format it would do that. `wanted`: the formats that will do where none was asked for, the best one first;
// none: all. Of these the first is taken that has the size and rate that are asked for, as far as the source
// tells. Errors: unsupported (another format than the one
// asked for), and those of FrameSource::negotiate.
Result<v4l2::CaptureFormat> agree(FrameSource& source, v4l2::FormatRequest request,
                                  std::span<const std::uint32_t> wanted, std::vector<std::string>& notes);

} // namespace hwalloc::tools
