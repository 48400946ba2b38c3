// The selected input of a device: what is set there, and what arrives.
#pragma once

#include "backends/v4l2/session.h"
#include "hwalloc/v4l2_inputs.h"

namespace hwalloc::v4l2::detail {

// "input 3 (HDMI 0)".
FixedText in_words(const Input& input) noexcept;
// "1920x1080 interlaced, 30 pictures a second".
FixedText in_words(const DvTimings& timings) noexcept;

// The selected input; unsupported where the device knows of none. `status`, if given: V4L2_IN_ST_*. May throw
// std::bad_alloc.
Result<Input> current_input(const Session& session, std::uint32_t* status = nullptr);
// Both fail as current_timings() and detect_timings() do.
Result<DvTimings> get_timings(const Session& session) noexcept;
Result<DvTimings> query_timings(const Session& session) noexcept;
// What a call about the signal answered, where it says what of it is missing.
bool tells_of_signal(int answer) noexcept;
// Its error, on `where`.
Error signal_error(const Session& session, int answer, const char* call_name,
                   std::string_view where) noexcept;
// Lets `request` set something of the source, where nothing is bound; the format may be another afterwards.
Result<void> set_source(Camera& camera, std::string_view doing, const char* call_name, unsigned long request,
                        void* argument) noexcept;
// check_signal(). May throw std::bad_alloc.
Result<void> check_signal(const Session& session);
// The same without the video standard, which some devices take half a second to detect. `selected`, if given:
// the input, where the device knows of inputs.
Result<void> look_at_signal(const Session& session, Input* selected = nullptr);

} // namespace hwalloc::v4l2::detail
