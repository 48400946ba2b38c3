#include "tools/capture/negotiation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/capture/format_options.h"
#include "tools/image/picture.h"

namespace hwalloc::tools {
namespace {

constexpr std::uint32_t best_formats[] = {fourcc('Y', 'U', 'Y', 'V'), fourcc('U', 'Y', 'V', 'Y'),
                                          fourcc('N', 'V', '1', '2'), fourcc('R', 'G', 'B', '3'),
                                          fourcc('X', 'R', '2', '4'), fourcc('G', 'R', 'E', 'Y')};

std::vector<std::uint32_t> list_picture_formats() {
    std::vector<std::uint32_t> formats(std::begin(best_formats), std::end(best_formats));
    for (const PixelFormat& format : pixel_formats())
        if (format.v4l2 && !why_no_picture(format) &&
            std::find(formats.begin(), formats.end(), format.v4l2.code) == formats.end())
            formats.push_back(format.v4l2.code);
    return formats;
}

// Without a format asked for, where not every format will do: the first of `wanted` that there is, since
// a camera may stand at a compressed one.
Result<std::uint32_t> choose_format(FrameSource& source, std::span<const std::uint32_t> wanted) {
    auto formats = source.list_formats();
    if (!formats)
        return std::move(formats).error();
    for (const std::uint32_t code : wanted)
        for (const v4l2::FormatInfo& format : *formats)
            if (format.pixel_format == code && !format.emulated)
                return code;
    return std::uint32_t{0}; // the current one; whoever wants another says why it does not do
}

} // namespace

std::span<const std::uint32_t> formats_for_pictures() {
    static const std::vector<std::uint32_t> formats = list_picture_formats();
    return formats;
}

Result<v4l2::CaptureFormat> agree(FrameSource& source, v4l2::FormatRequest request,
                                  std::span<const std::uint32_t> wanted, std::vector<std::string>& notes) {
    if (!wanted.empty() && request.pixel_format == 0) {
        auto chosen = choose_format(source, wanted);
        if (!chosen)
            return std::move(chosen).error();
        request.pixel_format = *chosen;
    }
    auto format = source.negotiate(request);
    if (!format)
        return format;
    const ImageLayout& layout = format->layout;
    if (request.pixel_format && request.pixel_format != format->pixel_format)
        return Error(ErrorKind::unsupported, "negotiating")
            .doing(fmt::format("asking for {} and getting {}", format_name(request.pixel_format),
                               format_name(format->pixel_format)))
            .on(source.info().path)
            .call("VIDIOC_S_FMT")
            .remedy(fmt::format("`hwalloc capture --device {} --list-formats` shows what it gives",
                                source.info().path));
    if (request.width && (request.width != layout.width || request.height != layout.height))
        notes.push_back(fmt::format("{} gives {}x{} instead of {}x{}", source.info().path, layout.width,
                                    layout.height, request.width, request.height));
    if (const double asked = request.rate.value(), got = format->rate.value();
        asked > 0 && got > 0 && std::abs(got - asked) > 0.01 * asked)
        notes.push_back(
            fmt::format("{} gives {:.4g} frames a second instead of {:.4g}", source.info().path, got, asked));
    if (format->interlaced)
        notes.emplace_back("the frames are interlaced: a picture shows both fields at once");
    return format;
}

} // namespace hwalloc::tools
