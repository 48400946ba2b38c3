// What a driver makes of a format, checked: whether it is an image that fits into its memories.
#pragma once

#include "backends/v4l2/fields.h"
#include "backends/v4l2/session.h"

namespace hwalloc::v4l2::detail {

// "YUYV 640x480".
FixedText in_words(std::uint32_t pixel_format, std::uint32_t width, std::uint32_t height) noexcept;

// Errors: what the driver answers.
Result<v4l2_format> get_format(const Session& session) noexcept;
// The fields of what the driver answered to `call_name`. Errors: unsupported (more memories than an image can
// have), incompatible (an answer that makes no sense).
Result<FormatFields> check_answer(const Session& session, const v4l2_format& format, const char* call_name,
                                  std::string_view doing) noexcept;
// The format that the device has. Errors: both.
Result<FormatFields> current_format(const Session& session) noexcept;

} // namespace hwalloc::v4l2::detail
