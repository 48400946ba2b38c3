// Sizes, rates and formats as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hwalloc/v4l2.h"

namespace hwalloc::tools {

// These three: false when the text is none.
// A decimal number, and nothing behind it.
bool parse_number(std::string_view text, std::uint32_t& number);
// "640x480", neither of them 0.
bool parse_size(std::string_view text, std::uint32_t& width, std::uint32_t& height);
// "30", "29.97" or "30000/1001" frames a second.
bool parse_rate(const std::string& text, v4l2::FrameRate& rate);
// V4L2's code for a name people use: "YUYV", "nv12", "YUV420" (YU12), "RGB24" (RGB3), "BGRX" (XR24), "NV12M"
// (NM12), DRM's "RG24" (BGR3), or any four characters themselves. 0: no such name.
std::uint32_t parse_format(const std::string& name);
// What --size and --format ask for; empty: nothing. What is wrong with them, in words for a usage error;
// empty: nothing.
std::string parse_picture(const std::string& size, const std::string& format, v4l2::FormatRequest& request);
// The name that parse_format() takes, for a code.
std::string format_name(std::uint32_t pixel_format);

} // namespace hwalloc::tools
