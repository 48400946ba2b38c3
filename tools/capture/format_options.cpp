#include "tools/capture/format_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace hwalloc::tools {
namespace {

// The code among those of a format that a name stands for: "BGR4" and "NM12" for themselves, and
// videodev2.h's names of a memory for each plane, which end in M, for that. DRM's where V4L2 has none in one
// memory: no camera gives it, and plans of other devices take it.
std::uint32_t code_named(const PixelFormat& format, const std::string& capitals) {
    for (const std::uint32_t code : {format.v4l2_memory_per_plane, format.v4l2_old[0], format.v4l2_old[1]})
        if (code && capitals == fourcc_name(code))
            return code;
    if (format.v4l2_memory_per_plane && capitals.ends_with('M'))
        return format.v4l2_memory_per_plane;
    return format.v4l2 ? format.v4l2.code : format.drm.code;
}

} // namespace

bool parse_number(std::string_view text, std::uint32_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

bool parse_size(std::string_view text, std::uint32_t& width, std::uint32_t& height) {
    const auto x = text.find_first_of("xX");
    return x != text.npos && parse_number(text.substr(0, x), width) &&
           parse_number(text.substr(x + 1), height) && width && height;
}

// "30", "29.97" or "30000/1001"
bool parse_rate(const std::string& text, v4l2::FrameRate& rate) {
    if (const auto slash = text.find('/'); slash != text.npos)
        return parse_number(std::string_view(text).substr(0, slash), rate.frames) &&
               parse_number(std::string_view(text).substr(slash + 1), rate.seconds) && rate.frames &&
               rate.seconds;
    rate.seconds = 1;
    if (parse_number(text, rate.frames))
        return rate.frames > 0;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool number = error == std::errc{} && end == text.data() + text.size();
    if (!number || std::isnan(value) || value < 0.001 || value > 100'000)
        return false;
    rate = {static_cast<std::uint32_t>(std::lround(value * 1000)), 1000};
    return true;
}

std::uint32_t parse_format(const std::string& name) {
    std::string capitals = name;
    std::transform(capitals.begin(), capitals.end(), capitals.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (const PixelFormat* format = pixel_format_by_name(name))
        return code_named(*format, capitals);
    const bool big_endian = capitals.size() > 3 && capitals.ends_with("-BE");
    std::string letters = name.substr(0, big_endian ? name.size() - 3 : name.size());
    if (letters.empty() || letters.size() > 4)
        return 0;
    letters.resize(4, ' ');
    const std::uint32_t code = fourcc(letters[0], letters[1], letters[2], letters[3]);
    return big_endian ? code | 1u << 31 : code;
}

std::string parse_picture(const std::string& size, const std::string& format, v4l2::FormatRequest& request) {
    if (!size.empty() && !parse_size(size, request.width, request.height))
        return fmt::format("--size is WIDTHxHEIGHT, such as 640x480, not \"{}\"", size);
    request.pixel_format = parse_format(format);
    if (!format.empty() && request.pixel_format == 0)
        return fmt::format("--format is a four-character code, such as YUYV, not \"{}\"", format);
    return {};
}

std::string format_name(std::uint32_t pixel_format) {
    const PixelFormat* format = pixel_format_by_v4l2(pixel_format);
    return format && format->v4l2.code == pixel_format ? format->name : fourcc_name(pixel_format);
}

} // namespace hwalloc::tools
