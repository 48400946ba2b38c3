// Where a camera's picture comes from: its inputs, and the signal at them.
//
// A webcam has one input and nothing to set there. An HDMI input delivers pictures when the device is set to
// the timings of the signal, a television's when it is set to its video standard; most devices can detect
// both. So the order of calls at such an input is, before Camera::negotiate():
//   set_input -> detect_timings -> set_timings     or     set_input -> detect_standard -> set_standard
// and the same again, with nothing bound, after the source has changed, which dequeue() tells while frames
// are captured.
//
// All of it changes the device for everybody, and may change its format: negotiate() afterwards. The
// functions are used as the Camera's own, not by two threads at once. Errors of all: invalid (the camera is
// closed; what sets something is called while memory is bound), unsupported (the device has no such thing),
// unavailable with a code() that says what of the signal is missing:
//   ENOLINK  there is none
//   ENOLCK   it is not stable, or the device finds no beginning of a picture in it
//   ERANGE   it is one that the device cannot receive
// busy (the device cannot do it while frames are captured, by whomever), and what else the driver answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hwalloc/export.h"
#include "hwalloc/result.h"
#include "hwalloc/v4l2.h"

namespace hwalloc::v4l2 {

struct Input {
    std::uint32_t index = 0;
    std::string name;            // "HDMI 0"
    std::uint64_t standards = 0; // that it may be set to; bits as VideoStandard::bits
    bool has_standards = false;  // set_standard() is for it
    bool has_timings = false;    // set_timings() is for it
};

// In the driver's order; none where the driver knows of no inputs.
HWALLOC_API Result<std::vector<Input>> list_inputs(Camera& camera) noexcept;
// The one that is selected.
HWALLOC_API Result<Input> current_input(Camera& camera) noexcept;
// Selects one. Error: invalid, too, where there is no such index.
HWALLOC_API Result<void> set_input(Camera& camera, std::uint32_t index) noexcept;

// Whether the selected input delivers pictures as the device is set. True of a device that knows nothing of
// signals. Errors: those above; unavailable (the input has no power); incompatible (there is a signal, and
// the device is set to another standard or to other timings, with both in the text).
HWALLOC_API Result<void> check_signal(Camera& camera) noexcept;
// Whether the source has changed since it was told last, here or by dequeue(): a signal came, went, or became
// another. For a camera that is not streaming; its fd() is then ready for POLLPRI when there is something to
// tell, once this was called for the selected input. False where the driver does not tell.
HWALLOC_API Result<bool> source_changed(Camera& camera) noexcept;

// ---- analog inputs

struct VideoStandard {
    std::uint64_t bits = 0;  // V4L2_STD_*: one standard, or a family of them, such as all of PAL
    std::string name;        // "PAL"
    std::uint32_t lines = 0; // of a whole picture, those that nobody sees included
    FrameRate rate;          // whole pictures; twice as many fields
};

// What the selected input can be set to.
HWALLOC_API Result<std::vector<VideoStandard>> list_standards(Camera& camera) noexcept;
// What it is set to, as bits.
HWALLOC_API Result<std::uint64_t> current_standard(Camera& camera) noexcept;
// What the signal is: one standard, or all that it may be. May take half a second.
HWALLOC_API Result<std::uint64_t> detect_standard(Camera& camera) noexcept;
// Error: invalid, too, for a standard that the input does not have.
HWALLOC_API Result<void> set_standard(Camera& camera, std::uint64_t bits) noexcept;

// ---- digital inputs

// The picture of a digital signal, with the blanking around it; in pixels and lines, and as in the kernel's
// v4l2_bt_timings.
struct DvTimings {
    std::uint32_t width = 0, height = 0; // of what is seen; of both fields
    bool interlaced = false;
    std::uint64_t pixel_clock = 0; // Hz
    std::uint32_t h_front_porch = 0, h_sync = 0, h_back_porch = 0;
    std::uint32_t v_front_porch = 0, v_sync = 0, v_back_porch = 0;
    std::uint32_t second_v_front_porch = 0, second_v_sync = 0, second_v_back_porch = 0; // of the second field
    std::uint32_t polarities = 0, standards = 0, flags = 0;                             // V4L2_DV_*
    std::uint32_t aspect_width = 0, aspect_height = 0; // of the picture; 0: not told
    std::uint8_t cea861_vic = 0, hdmi_vic = 0;         // codes of the mode; 0: not told

    bool operator==(const DvTimings&) const = default;
    // Whole pictures a second; twice as many fields.
    double pictures_a_second() const noexcept {
        const double columns = static_cast<double>(width) + h_front_porch + h_sync + h_back_porch;
        const double lines =
            static_cast<double>(height) + v_front_porch + v_sync + v_back_porch +
            (interlaced ? static_cast<double>(second_v_front_porch) + second_v_sync + second_v_back_porch
                        : 0);
        return columns > 0 && lines > 0 ? static_cast<double>(pixel_clock) / (columns * lines) : 0;
    }
};

// "1920x1080 interlaced, 30 pictures a second". May throw std::bad_alloc.
HWALLOC_API std::string to_string(const DvTimings& timings);

// The modes that the driver names; a device may take others.
HWALLOC_API Result<std::vector<DvTimings>> list_timings(Camera& camera) noexcept;
// What the selected input is set to.
HWALLOC_API Result<DvTimings> current_timings(Camera& camera) noexcept;
// What the signal has.
HWALLOC_API Result<DvTimings> detect_timings(Camera& camera) noexcept;
// Error: invalid, too, for timings that the device does not take.
HWALLOC_API Result<void> set_timings(Camera& camera, const DvTimings& timings) noexcept;

} // namespace hwalloc::v4l2
