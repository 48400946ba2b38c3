// Controls as the driver tells of them.
#pragma once

#include <string>

#include "backends/v4l2/session.h"
#include "hwalloc/v4l2_controls.h"

namespace hwalloc::v4l2::detail {

// What is not in a Control.
struct ControlFacts {
    Control control;
    std::uint32_t kernel_type = 0; // V4L2_CTRL_TYPE_*
    std::uint32_t bytes = 0;       // of the value
    bool disabled = false;
};

// The control `id`, or the one after it with V4L2_CTRL_FLAG_NEXT_CTRL in it, without its items: 0 or
// a negative errno. May throw std::bad_alloc.
int query_control(const Session& session, std::uint32_t id, ControlFacts& facts);
// The control with its items. Errors: unsupported (there is none, or it is switched off), and what the driver
// answers. May throw std::bad_alloc.
Result<ControlFacts> look_up_control(const Session& session, std::uint32_t id);
// "exposure_time_absolute" for "Exposure Time, Absolute". May throw std::bad_alloc.
std::string control_word(std::string_view name);

} // namespace hwalloc::v4l2::detail
