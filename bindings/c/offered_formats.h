// Formats that cameras and outputs take, for C.
#pragma once

#include <vector>

#include "bindings/c/answer.h"
#include "hwalloc/c_camera_offers.h"
#include "hwalloc/v4l2_formats.h"

namespace hwalloc::c {

// A new list goes to the caller.
int answer_formats(Result<std::vector<v4l2::FormatInfo>> made, hwalloc_format_list** list,
                   hwalloc_error** error) noexcept;

} // namespace hwalloc::c
