// Which part of the picture a camera takes, and where in the frame it puts it.
//
// `crop` is a rectangle of what the device sees, `compose` one of the frame; where their sizes differ the
// device scales. Both belong to the device. The functions are used as the Camera's own, not by two threads at
// once. Errors of both: invalid (the camera is closed), unsupported (the driver has no such rectangle), and
// what else it answers.
#pragma once

#include <cstdint>

#include "hwalloc/export.h"
#include "hwalloc/result.h"
#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2 {

// In pixels; of what the device sees, or of the frame.
struct Rectangle {
    std::int32_t left = 0, top = 0;
    std::uint32_t width = 0, height = 0;

    bool operator==(const Rectangle&) const = default;
};

// The numbers are V4L2's (V4L2_SEL_TGT_*).
enum class Selection : std::uint16_t {
    crop = 0x0000,
    crop_default = 0x0001, // the whole picture; read only, like those that follow
    crop_bounds = 0x0002,  // what crop can be within
    native_size = 0x0003,  // of a sensor, dark edges included
    compose = 0x0100,
    compose_default = 0x0101, // where the picture goes by default
    compose_bounds = 0x0102,  // what compose can be within
    compose_padded = 0x0103   // what the device writes to
};

HWALLOC_API Result<Rectangle> get_selection(Camera& camera, Selection which) noexcept;
// Sets crop or compose, and returns what the driver made of it. Where that changes the format, which a driver
// does that cannot scale, negotiate() is needed again, and current_format() tells what it is. Errors:
// invalid, too, for another than these two; incompatible (no such rectangle is possible); busy (it would
// change the format while memory is bound).
HWALLOC_API Result<Rectangle> set_selection(Camera& camera, Selection which,
                                            const Rectangle& wanted) noexcept;

} // namespace hwalloc::v4l2
