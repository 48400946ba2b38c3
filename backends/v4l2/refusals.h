// What the errors of V4L2's calls for buffers and streaming mean, and what to do about them.
#pragma once

#include <string_view>

#include "backends/v4l2/node.h"
#include "hwalloc/error.h"

namespace hwalloc::v4l2::detail {

struct Refusal {
    ErrorKind kind;
    const char* remedy; // cause and remedy, in words
};

// `call_name`: "VIDIOC_STREAMON"; `errno_value`: positive; `on_usb`: some mean another thing of a camera
// there. There is an answer for every errno of REQBUFS, CREATE_BUFS, EXPBUF, QBUF, DQBUF, STREAMON and
// STREAMOFF; the remedy is null for other calls where nothing is known.
Refusal refusal_of(std::string_view call_name, int errno_value, Use use, bool on_usb) noexcept;

} // namespace hwalloc::v4l2::detail
