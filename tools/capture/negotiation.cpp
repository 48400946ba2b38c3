#include "tools/capture/negotiation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "tools/capture/format_options.h"
#include "tools/image/jpeg.h"
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
    // What is the same in several memories costs more calls to map.
    for (const PixelFormat& format : pixel_formats())
        if (format.v4l2_memory_per_plane && !why_no_picture(format))
            formats.push_back(format.v4l2_memory_per_plane);
    formats.insert(formats.end(), std::begin(jpeg_formats), std::end(jpeg_formats));
    return formats;
}

// How much of a request a format can do.
enum class Fit : std::uint8_t { another_size, another_rate, all };

Fit fit_of(FrameSource& source, const v4l2::FormatInfo& format, const v4l2::FormatRequest& request) {
    const auto has_rate = [&](std::uint32_t width, std::uint32_t height) {
        const auto rates = source.list_rates(format.pixel_format, width, height);
        // What a source does not tell it may have.
        return !rates || rates->empty() ||
               std::any_of(rates->begin(), rates->end(),
                           [&](const v4l2::RateRange& range) { return range.has(request.rate); });
    };
    const bool any_rate = request.rate.frames == 0;
    const auto& sizes = format.sizes;
    if (request.width == 0)
        return any_rate || sizes.empty() ||
                       std::any_of(sizes.begin(), sizes.end(),
                                   [&](const v4l2::FrameSize& size) {
                                       return has_rate(size.max_width, size.max_height);
                                   })
                   ? Fit::all
                   : Fit::another_rate;
    if (!sizes.empty() && std::none_of(sizes.begin(), sizes.end(), [&](const v4l2::FrameSize& size) {
            return size.has(request.width, request.height);
        }))
        return Fit::another_size;
    return any_rate || has_rate(request.width, request.height) ? Fit::all : Fit::another_rate;
}

bool is_among(std::uint32_t code, std::span<const std::uint32_t> wanted) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), code) != wanted.end();
}

// Without a format asked for, where not every format will do: of `wanted` the first that has the size and
// the rate, else the first that has the size, else the first that there is, since a camera may stand at
// a compressed one. 0: none of them.
std::uint32_t choose_format(FrameSource& source, const std::vector<v4l2::FormatInfo>& formats,
                            const v4l2::FormatRequest& request, std::span<const std::uint32_t> wanted) {
    std::uint32_t best = 0;
    auto most = Fit::another_size;
    for (const std::uint32_t code : wanted)
        for (const v4l2::FormatInfo& format : formats) {
            if (format.pixel_format != code || format.emulated)
                continue;
            const Fit fit = fit_of(source, format, request);
            if (best == 0 || fit > most) {
                best = code;
                most = fit;
            }
            if (most == Fit::all)
                return best;
        }
    return best;
}

// Those that have the size and rate, in the source's order.
std::vector<std::uint32_t> formats_that_fit(FrameSource& source, const std::vector<v4l2::FormatInfo>& formats,
                                            const v4l2::FormatRequest& request) {
    std::vector<std::uint32_t> fit;
    for (const v4l2::FormatInfo& format : formats)
        if (!format.emulated && fit_of(source, format, request) == Fit::all)
            fit.push_back(format.pixel_format);
    return fit;
}

// A format and size with the rate asked for, where the size is free: first of the size that the source stands
// at, then the largest of a format. `codes`: which formats will do, the best one first.
std::optional<v4l2::FormatRequest> request_with_rate(FrameSource& source,
                                                     const std::vector<v4l2::FormatInfo>& formats,
                                                     v4l2::FormatRequest request,
                                                     const v4l2::CaptureFormat& stands_at,
                                                     std::span<const std::uint32_t> codes) {
    const auto fits = [&](const v4l2::FormatInfo& format, std::uint32_t width, std::uint32_t height) {
        request.pixel_format = format.pixel_format;
        request.width = width;
        request.height = height;
        return fit_of(source, format, request) == Fit::all;
    };
    const auto first = [&](auto&& fits_somehow) {
        for (const std::uint32_t code : codes)
            for (const v4l2::FormatInfo& format : formats)
                if (format.pixel_format == code && !format.emulated && fits_somehow(format))
                    return true;
        return false;
    };
    if (first([&](const v4l2::FormatInfo& format) {
            return fits(format, stands_at.layout.width, stands_at.layout.height);
        }))
        return request;
    const auto area = [](const v4l2::FrameSize& size) {
        return std::uint64_t{size.max_width} * size.max_height;
    };
    if (first([&](const v4l2::FormatInfo& format) {
            auto sizes = format.sizes;
            std::ranges::sort(sizes, std::ranges::greater(), area);
            return std::any_of(sizes.begin(), sizes.end(), [&](const v4l2::FrameSize& size) {
                return fits(format, size.max_width, size.max_height);
            });
        }))
        return request;
    return std::nullopt;
}

bool has_size(const v4l2::CaptureFormat& format, const v4l2::FormatRequest& request) {
    return request.width == 0 ||
           (request.width == format.layout.width && request.height == format.layout.height);
}

bool has_rate(const v4l2::CaptureFormat& format, const v4l2::FormatRequest& request) {
    const double asked = request.rate.value(), got = format.rate.value();
    return asked <= 0 || got <= 0 || std::abs(got - asked) <= 0.01 * asked;
}

// "; MJPG and H264 have 1280x720 at 30", where another format does what this one does not.
std::string others_in_words(std::vector<std::uint32_t> others, std::uint32_t taken,
                            const v4l2::FormatRequest& request, std::span<const std::uint32_t> wanted) {
    std::erase(others, taken);
    if (others.empty())
        return {};
    constexpr std::size_t most_names = 6;
    std::vector<std::string> names;
    for (const std::uint32_t code : others)
        names.push_back(format_name(code));
    const bool usable =
        std::any_of(others.begin(), others.end(), [&](std::uint32_t code) { return is_among(code, wanted); });
    const bool cut = names.size() > most_names;
    names.resize(std::min(names.size(), most_names));
    std::string asked = request.width ? fmt::format("{}x{}", request.width, request.height) : std::string();
    if (request.rate.frames)
        asked += fmt::format("{}{:.4g} frames a second", asked.empty() ? "" : " at ", request.rate.value());
    return fmt::format("; it has {} in {}{}{}", asked, fmt::join(names, ", "), cut ? " and others" : "",
                       usable ? " (--format)" : ", which cannot be used here but written as it is (.raw)");
}

// Null: there is nothing to tell.
const char* words_for(v4l2::Field field) {
    if (v4l2::is_one_field(field))
        return "each frame is one field, every second line of the picture: it is half as high as what it "
               "shows";
    if (field == v4l2::Field::top_then_bottom || field == v4l2::Field::bottom_then_top)
        return "each frame has two fields, one above the other, and so has a picture of it";
    if (v4l2::has_both_fields(field))
        return "the frames are interlaced: a picture shows two fields at once, which were taken one "
               "after the other";
    return nullptr;
}

} // namespace

std::span<const std::uint32_t> formats_for_pictures() {
    static const std::vector<std::uint32_t> formats = list_picture_formats();
    return formats;
}

Result<v4l2::CaptureFormat> agree(FrameSource& source, v4l2::FormatRequest request,
                                  std::span<const std::uint32_t> wanted, std::vector<std::string>& notes) {
    const bool free = request.pixel_format == 0;
    std::optional<std::vector<v4l2::FormatInfo>> formats;
    const auto list = [&]() -> Result<void> {
        if (formats)
            return {};
        auto listed = source.list_formats();
        if (!listed)
            return std::move(listed).error();
        formats = std::move(*listed);
        return {};
    };
    if (!wanted.empty() && free) {
        if (auto listed = list(); !listed)
            return std::move(listed).error();
        request.pixel_format = choose_format(source, *formats, request, wanted);
        // Where there is none: the current one; whoever wants another says why it does not do.
    }
    auto format = source.negotiate(request);
    if (!format)
        return format;
    // A camera may stand at a size that has not the rate.
    if (request.width == 0 && !has_rate(*format, request) && list()) {
        std::vector<std::uint32_t> codes(wanted.begin(), wanted.end());
        if (!free)
            codes = {request.pixel_format};
        else if (codes.empty()) {
            codes = {format->pixel_format};
            for (const v4l2::FormatInfo& one : *formats)
                codes.push_back(one.pixel_format);
        }
        if (const auto better = request_with_rate(source, *formats, request, *format, codes)) {
            request = *better;
            format = source.negotiate(request);
            if (!format)
                return format;
        }
    }
    std::string others;
    if ((!has_size(*format, request) || !has_rate(*format, request)) && list()) {
        const auto better = formats_that_fit(source, *formats, request);
        if (wanted.empty() && free && !better.empty()) { // any format will do
            request.pixel_format = better.front();
            format = source.negotiate(request);
            if (!format)
                return format;
        }
        others = others_in_words(better, format->pixel_format, request, wanted);
    }
    const ImageLayout& layout = format->layout;
    if (request.pixel_format && request.pixel_format != format->pixel_format)
        return Error(ErrorKind::unsupported, "negotiating")
            .doing(fmt::format("asking for {} and getting {}", format_name(request.pixel_format),
                               format_name(format->pixel_format)))
            .on(source.info().path)
            .call("VIDIOC_S_FMT")
            .remedy(fmt::format("`hwalloc capture --device {} --list-formats` shows what it gives",
                                source.info().path));
    if (!has_size(*format, request))
        notes.push_back(fmt::format("{} gives {}x{} instead of {}x{}{}", source.info().path, layout.width,
                                    layout.height, request.width, request.height, std::exchange(others, {})));
    if (!has_rate(*format, request))
        notes.push_back(fmt::format("{} gives {:.4g} frames a second instead of {:.4g}{}", source.info().path,
                                    format->rate.value(), request.rate.value(), others));
    if (const char* told = words_for(format->field))
        notes.emplace_back(told);
    return format;
}

} // namespace hwalloc::tools
