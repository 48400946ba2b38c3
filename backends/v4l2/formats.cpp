// What a camera offers, and what it makes of a request.
#include "backends/v4l2/formats.h"
#include "backends/v4l2/with_session.h"

#include <algorithm>
#include <cerrno>

#include "backends/v4l2/driver_text.h"
#include "common/without_exceptions.h"

namespace hwalloc::v4l2 {
namespace {

// More than any device has. A driver that does not look at the index never answers that a list is over.
constexpr std::uint32_t most_entries = 1024;

bool is_same(const FrameSize& one, const FrameSize& other) noexcept {
    return one.min_width == other.min_width && one.max_width == other.max_width &&
           one.min_height == other.min_height && one.max_height == other.max_height;
}

std::vector<FrameSize> list_sizes(const auto& session, std::uint32_t pixel_format) {
    std::vector<FrameSize> sizes;
    for (std::uint32_t index = 0; index < most_entries; ++index) {
        v4l2_frmsizeenum size{};
        size.index = index;
        size.pixel_format = pixel_format;
        if (session.ioctl(VIDIOC_ENUM_FRAMESIZES, &size) < 0)
            break;
        if (size.type != V4L2_FRMSIZE_TYPE_DISCRETE) {
            const v4l2_frmsize_stepwise& range = size.stepwise;
            sizes.push_back({range.min_width, range.max_width, range.step_width, range.min_height,
                             range.max_height, range.step_height});
            break; // there is only one then
        }
        const FrameSize one{size.discrete.width,  size.discrete.width,  1,
                            size.discrete.height, size.discrete.height, 1};
        if (sizes.empty() || !is_same(sizes.back(), one))
            sizes.push_back(one);
    }
    return sizes;
}

// An interval between frames as a rate.
FrameRate rate_of(const v4l2_fract& interval) noexcept {
    return {interval.denominator, interval.numerator};
}

CaptureFormat capture_format(const detail::FormatFields& fields, FrameRate rate) noexcept {
    return {fields.pixel_format, *detail::layout_of(fields), rate, detail::field_of(fields.field)};
}

} // namespace

FixedText detail::in_words(std::uint32_t pixel_format, std::uint32_t width, std::uint32_t height) noexcept {
    return FixedText(fourcc_name(pixel_format), " ", width, "x", height);
}

Result<v4l2_format> detail::get_format(const Session& session) noexcept {
    v4l2_format format{};
    format.type = session.type;
    if (const int answer = session.ioctl(VIDIOC_G_FMT, &format); answer < 0)
        return session.refused(answer, "VIDIOC_G_FMT", "reading the format");
    return format;
}

Result<detail::FormatFields> detail::check_answer(const Session& session, const v4l2_format& format,
                                                  const char* call_name, std::string_view doing) noexcept {
    const FormatFields fields = fields_of(format);
    const FixedText words = in_words(fields.pixel_format, fields.width, fields.height);
    if (fields.memories == 0 || fields.memories > ImageLayout::max_planes)
        return session
            .error(ErrorKind::unsupported,
                   FixedText(doing, ": an image of ", words, " lies in ", fields.memories,
                             " memories, and it can lie in 1 to ", ImageLayout::max_planes))
            .call(call_name)
            .remedy("choose another format (--format, FormatRequest)");
    const auto end = fields.in.begin() + fields.memories;
    const bool has_all =
        std::none_of(fields.in.begin(), end, [](const MemoryFields& one) { return one.size == 0; });
    if (has_all && layout_of(fields))
        return fields;
    FixedText sizes(fields.size());
    for (std::uint32_t i = 1; i < fields.memories; ++i)
        sizes.append(" + ").append(fields.in[i].size);
    return session
        .error(ErrorKind::incompatible,
               FixedText(doing, ": the driver answers with ", words, ", stride ", fields.stride(), ", ",
                         sizes, " bytes, which does not fit together"))
        .call(call_name);
}

Result<detail::FormatFields> detail::current_format(const Session& session) noexcept {
    const auto format = get_format(session);
    if (!format)
        return format.error();
    return check_answer(session, *format, "VIDIOC_G_FMT", "reading the format");
}

Field detail::field_of(std::uint32_t field) noexcept {
    return field > V4L2_FIELD_ANY && field <= V4L2_FIELD_INTERLACED_BT ? static_cast<Field>(field)
                                                                       : Field::progressive;
}

std::string_view to_string(Field field) noexcept {
    switch (field) {
    case Field::any:
        return "any";
    case Field::progressive:
        return "progressive";
    case Field::top:
        return "top";
    case Field::bottom:
        return "bottom";
    case Field::interlaced:
        return "interlaced";
    case Field::top_then_bottom:
        return "top then bottom";
    case Field::bottom_then_top:
        return "bottom then top";
    case Field::alternate:
        return "alternate";
    case Field::interlaced_top:
        return "interlaced, top first";
    case Field::interlaced_bottom:
        return "interlaced, bottom first";
    }
    return "unknown";
}

FrameRate detail::Session::set_rate(FrameRate wanted) const noexcept {
    v4l2_streamparm parameters{};
    parameters.type = type;
    if (ioctl(VIDIOC_G_PARM, &parameters) < 0 ||
        !(parameters.parm.capture.capability & V4L2_CAP_TIMEPERFRAME))
        return {};
    v4l2_fract& interval = parameters.parm.capture.timeperframe;
    if (wanted.frames && wanted.seconds) {
        const v4l2_fract before = interval;
        interval = {wanted.seconds, wanted.frames};
        if (ioctl(VIDIOC_S_PARM, &parameters) < 0)
            interval = before;
    }
    return rate_of(interval);
}

Result<std::vector<RateRange>> Camera::list_rates(std::uint32_t pixel_format, std::uint32_t width,
                                                  std::uint32_t height) noexcept {
    return detail::with_session(*this, [&](Session& session) -> Result<std::vector<RateRange>> {
        std::vector<RateRange> rates;
        for (std::uint32_t index = 0; index < most_entries; ++index) {
            v4l2_frmivalenum interval{};
            interval.index = index;
            interval.pixel_format = pixel_format;
            interval.width = width;
            interval.height = height;
            const int answer = session.ioctl(VIDIOC_ENUM_FRAMEINTERVALS, &interval);
            if (answer == -EINVAL || answer == -ENOTTY) // the end of the list, or there is none
                break;
            if (answer < 0)
                return session.refused(answer, "VIDIOC_ENUM_FRAMEINTERVALS", "listing the rates");
            if (interval.type != V4L2_FRMIVAL_TYPE_DISCRETE) { // there is only one then
                rates.push_back({rate_of(interval.stepwise.max), rate_of(interval.stepwise.min)});
                break;
            }
            const RateRange one{rate_of(interval.discrete), rate_of(interval.discrete)};
            if (rates.empty() || rates.back().min.value() != one.min.value())
                rates.push_back(one);
        }
        return rates;
    });
}

Result<std::vector<FormatInfo>> Camera::list_formats() noexcept {
    return detail::with_session(*this, [&](Session& session) -> Result<std::vector<FormatInfo>> {
        std::vector<FormatInfo> formats;
        for (std::uint32_t index = 0; index < most_entries; ++index) {
            v4l2_fmtdesc description{};
            description.type = session.type;
            description.index = index;
            const int answer = session.ioctl(VIDIOC_ENUM_FMT, &description);
            if (answer == -EINVAL) // the end of the list
                break;
            if (answer < 0)
                return session.refused(answer, "VIDIOC_ENUM_FMT", "listing the pixel formats");
            std::string name = detail::driver_text(description.description);
            if (!formats.empty() && formats.back().pixel_format == description.pixelformat &&
                formats.back().description == name)
                continue;
            formats.push_back({description.pixelformat, std::move(name),
                               (description.flags & V4L2_FMT_FLAG_COMPRESSED) != 0,
                               (description.flags & V4L2_FMT_FLAG_EMULATED) != 0,
                               list_sizes(session, description.pixelformat)});
        }
        return formats;
    });
}

Result<CaptureFormat> Camera::current_format() noexcept {
    return detail::with_session(*this, [&](Session& session) -> Result<CaptureFormat> {
        const auto now = detail::current_format(session);
        if (!now)
            return now.error();
        return capture_format(*now, session.set_rate({}));
    });
}

Result<CaptureFormat> Camera::negotiate(const FormatRequest& request) noexcept {
    return detail::with_session(*this, [&](Session& session) -> Result<CaptureFormat> {
        if (!session.slots.empty())
            return session.error(ErrorKind::invalid, "the format cannot change while memory is bound");
        const std::lock_guard guard(session.node->queue_mutex);
        auto format = detail::get_format(session);
        if (!format)
            return format.error();
        detail::apply(request, *format);
        const detail::FormatFields wanted = detail::fields_of(*format);
        const FixedText doing("setting the format to ",
                              detail::in_words(wanted.pixel_format, wanted.width, wanted.height));
        (void)session.release_queue(); // a reservation without memory would hold the driver to its format
        session.forget_format();
        // What the source was before is no news to whoever asks now.
        session.subscribe_events();
        if (session.has_events)
            (void)session.take_events();
        if (const int answer = session.ioctl(VIDIOC_S_FMT, &*format); answer < 0)
            return session.refused(answer, "VIDIOC_S_FMT", doing);
        const auto fields = detail::check_answer(session, *format, "VIDIOC_S_FMT", doing);
        if (!fields)
            return fields.error();
        session.format = capture_format(*fields, session.set_rate(request.rate));
        return *session.format;
    });
}

const CaptureFormat* Camera::format() const noexcept {
    return session_ && session_->format ? &*session_->format : nullptr;
}

} // namespace hwalloc::v4l2
