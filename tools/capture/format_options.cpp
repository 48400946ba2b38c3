#include "tools/capture/format_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace hwalloc::tools {
namespace {

struct Alias {
    const char* name; // in capitals
    std::uint32_t code;
};
// Names that are not the code itself. The first one for a code is the one that is shown.
constexpr Alias aliases[] = {
    {"RGB24", fourcc('R', 'G', 'B', '3')}, {"BGR24", fourcc('B', 'G', 'R', '3')},
    {"XR24", fourcc('X', 'R', '2', '4')},  {"XRGB8888", fourcc('X', 'R', '2', '4')},
    {"BGRX", fourcc('X', 'R', '2', '4')},  {"MJPG", fourcc('M', 'J', 'P', 'G')},
    {"MJPEG", fourcc('M', 'J', 'P', 'G')},
};

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
    for (const Alias& alias : aliases)
        if (capitals == alias.name)
            return alias.code;
    const bool big_endian = capitals.size() > 3 && capitals.ends_with("-BE");
    std::string letters = name.substr(0, big_endian ? name.size() - 3 : name.size());
    if (letters.empty() || letters.size() > 4)
        return 0;
    letters.resize(4, ' ');
    // Codes in small letters exist ("pBAA"), but not for the formats everybody knows.
    const std::string known = capitals.substr(0, 4);
    if (known == "YUYV" || known == "UYVY" || known == "NV12" || known == "GREY")
        letters = known;
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
    for (const Alias& alias : aliases)
        if (alias.code == pixel_format)
            return alias.name;
    return fourcc_name(pixel_format);
}

} // namespace hwalloc::tools
