// Controls of a camera, as a capture sets them: `--control NAME=VALUE`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/v4l2.h"

namespace hwalloc::tools {

struct ControlSetting {
    std::string name;  // as hwalloc/v4l2_controls.h has them
    std::string value; // a number; on or off; an item of a menu, by its name; or a text
};

// "NAME=VALUE"; false when it is none.
bool parse_control(std::string_view text, ControlSetting& setting);

// Sets them in their order: one may unlock the next, as auto_exposure does exposure. What the driver makes of
// a value is told in `notes` where it is another. Errors: invalid (the value, with what there is in the
// remedy), and those of v4l2::find_control() and set_control().
Result<void> set_controls(v4l2::Camera& camera, std::span<const ControlSetting> settings,
                          std::vector<std::string>& notes);

} // namespace hwalloc::tools
