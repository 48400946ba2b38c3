// What cameras offer and are asked for: pixel formats, sizes, rates, and fields of interlaced pictures.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/export.h"

namespace hwalloc::v4l2 {

// Sizes from min to max in steps; a single size has min equal to max.
struct FrameSize {
    std::uint32_t min_width = 0, max_width = 0, step_width = 1;
    std::uint32_t min_height = 0, max_height = 0, step_height = 1;

    bool has(std::uint32_t width, std::uint32_t height) const noexcept {
        return width >= min_width && width <= max_width && height >= min_height && height <= max_height &&
               (step_width <= 1 || (width - min_width) % step_width == 0) &&
               (step_height <= 1 || (height - min_height) % step_height == 0);
    }
};

struct FormatInfo {
    std::uint32_t pixel_format = 0; // V4L2's code
    std::string description;
    bool compressed = false;
    bool emulated = false;        // converted in software by a wrapper library, not by the device
    std::vector<FrameSize> sizes; // empty: the driver does not tell
};

// Frames a second as a fraction; 0/0: unknown, or whatever the driver has.
struct FrameRate {
    std::uint32_t frames = 0;
    std::uint32_t seconds = 0;

    double value() const noexcept { return seconds ? static_cast<double>(frames) / seconds : 0; }
};

// Rates from min to max; a single rate has both equal. Between them drivers have steps of time, not of rate.
struct RateRange {
    FrameRate min, max;

    // Whether a rate is in it; rates that differ by a thousandth, as 30 and 30000/1001, are one.
    bool has(FrameRate rate) const noexcept {
        const double wanted = rate.value();
        return wanted >= min.value() / 1.0015 && wanted <= max.value() * 1.0015;
    }
};

// How the lines of a picture come: all at once, or as two fields, one of which has the even lines and was
// taken half a frame's time before or after the other. The numbers are V4L2's (enum v4l2_field).
enum class Field : std::uint8_t {
    any = 0,              // in a request: the driver's choice
    progressive = 1,      // no fields
    top = 2,              // a frame is the even lines, from line 0 on; its height is that of the field
    bottom = 3,           // a frame is the odd lines
    interlaced = 4,       // both fields, line by line; which is older depends on the video standard
    top_then_bottom = 5,  // both fields, one above the other; the top one is first in memory and in time
    bottom_then_top = 6,  // the same the other way round
    alternate = 7,        // a frame is one field, top and bottom in turn: Frame::field tells which
    interlaced_top = 8,   // both fields, line by line; the top one is older
    interlaced_bottom = 9 // both fields, line by line; the bottom one is older
};

// "progressive", "top then bottom", ...
HWALLOC_API std::string_view to_string(Field field) noexcept;

// Whether a frame is one field, with every second line of the picture.
constexpr bool is_one_field(Field field) noexcept {
    return field == Field::top || field == Field::bottom || field == Field::alternate;
}

// Whether a frame holds two fields.
constexpr bool has_both_fields(Field field) noexcept {
    return field >= Field::interlaced && field != Field::alternate;
}

struct FormatRequest {
    std::uint32_t pixel_format = 0; // V4L2's code; 0: the current one
    std::uint32_t width = 0;        // 0: the current one
    std::uint32_t height = 0;
    FrameRate rate{};
    std::uint32_t stride = 0; // bytes; 0: the driver's choice
    // A source of fields delivers no progressive frames: the driver then answers with what it has.
    Field field = Field::progressive;
};

} // namespace hwalloc::v4l2
