// What a camera's rectangles leave of its picture.
#pragma once

#include <string>
#include <vector>

#include "hwalloc/v4l2.h"

namespace hwalloc::tools {

// Tells in `notes` that frames of this format, which is set, show a part of what the camera sees, or a
// smaller picture in one corner, and the command that ends it. Both are the device's, and stay as the last
// program left them; some cameras have another size in no other way, of which nothing is told.
void tell_rectangles(v4l2::Camera& camera, const v4l2::CaptureFormat& format,
                     std::vector<std::string>& notes);

} // namespace hwalloc::tools
