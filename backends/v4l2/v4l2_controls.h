// The controls of a camera: exposure, focus, gain, and whatever else its driver has.
//
// A control is known by its number, which is the same for all drivers where the kernel has a name for it
// (V4L2_CID_* in linux/videodev2.h and linux/v4l2-controls.h), or by a name: that which the driver gives it,
// written as `v4l2-ctl --list-ctrls` does ("exposure_time_absolute") or as the driver does ("Exposure Time,
// Absolute"), or one of those below, which are the same for all drivers and kernels:
//   brightness, contrast, saturation, hue, gamma, sharpness, gain, exposure, auto_exposure, auto_gain,
//   backlight_compensation, white_balance, auto_white_balance, power_line_frequency, focus, auto_focus, zoom,
//   pan, tilt, iris, flip_horizontal, flip_vertical
//
// Controls are the device's, not the open file's: they stay when the camera is closed, and others change
// them. They can be set while frames are captured. The functions are used as the Camera's own, not by two
// threads at once. Errors of all: invalid (the camera is closed), unsupported (there is no such control; the
// remedy names those that there are), and what else the driver answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/export.h"
#include "hwalloc/result.h"
#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2 {

enum class ControlType : std::uint8_t {
    integer,
    boolean, // 0 or 1
    menu,    // one of `items`
    bits,    // any of the bits of `max`
    button,  // does something when it is set; has no value
    text,    // from min to max characters
    other    // a structure or an array, which is listed, and neither read nor set here
};

struct ControlItem {
    std::int64_t value = 0;
    std::string name; // "50 Hz"
};

struct Control {
    std::uint32_t id = 0;
    std::string name; // "Exposure Time, Absolute"
    ControlType type = ControlType::integer;
    std::int64_t min = 0, max = 0, step = 1, default_value = 0; // default_value: not of a text or a button
    std::vector<ControlItem> items; // of a menu; some values between may be missing
    bool read_only = false, write_only = false;
    bool inactive = false; // has no effect now, as exposure while it is automatic
    bool locked = false;   // cannot be set now, as while frames are captured
};

// All of them in the driver's order; those that it has switched off are left out. May take a while for a USB
// camera, which is asked for each.
HWALLOC_API Result<std::vector<Control>> list_controls(Camera& camera) noexcept;
// One by its name, or by its number as text ("0x980900", "9963776").
HWALLOC_API Result<Control> find_control(Camera& camera, std::string_view name) noexcept;

// The value of a control that has a number: of the types integer, boolean, menu and bits. Errors: permission
// (it can only be written), invalid (it has no number).
HWALLOC_API Result<std::int64_t> get_control(Camera& camera, std::uint32_t id) noexcept;
HWALLOC_API Result<std::int64_t> get_control(Camera& camera, std::string_view name) noexcept;
// Sets it, or presses a button, and returns the value that it has now: a driver takes the nearest of its
// steps. Errors: invalid (outside its range, or none of its items, with the range or the items in the text;
// it has no number), permission (it can only be read), busy (it is locked now).
HWALLOC_API Result<std::int64_t> set_control(Camera& camera, std::uint32_t id, std::int64_t value) noexcept;
HWALLOC_API Result<std::int64_t> set_control(Camera& camera, std::string_view name,
                                             std::int64_t value) noexcept;
// The value of a text. Errors: as above; invalid (it is no text, or its length does not fit).
HWALLOC_API Result<std::string> get_text_control(Camera& camera, std::uint32_t id) noexcept;
HWALLOC_API Result<void> set_text_control(Camera& camera, std::uint32_t id, std::string_view value) noexcept;

} // namespace hwalloc::v4l2
