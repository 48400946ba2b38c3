// The rectangles of a camera, for applications.
#include "backends/v4l2/with_session.h"
#include "hwalloc/v4l2_selection.h"

#include <cerrno>

#include "backends/v4l2/formats.h"
#include "common/without_exceptions.h"

namespace hwalloc::v4l2 {
namespace {

const char* name_of(Selection which) noexcept {
    switch (which) {
    case Selection::crop:
        return "crop";
    case Selection::crop_default:
        return "crop_default";
    case Selection::crop_bounds:
        return "crop_bounds";
    case Selection::native_size:
        return "native_size";
    case Selection::compose:
        return "compose";
    case Selection::compose_default:
        return "compose_default";
    case Selection::compose_bounds:
        return "compose_bounds";
    case Selection::compose_padded:
        return "compose_padded";
    }
    return "an unknown rectangle";
}

v4l2_selection request_for(Selection which, const Rectangle& rectangle = {}) noexcept {
    v4l2_selection request{};
    // Of either API by the type of the single-planar one: Linux before 4.13 takes no other.
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    request.target = static_cast<__u32>(which);
    request.r = {rectangle.left, rectangle.top, rectangle.width, rectangle.height};
    return request;
}

Rectangle rectangle_of(const v4l2_selection& answered) noexcept {
    return {answered.r.left, answered.r.top, answered.r.width, answered.r.height};
}

Error refusal(const Session& session, int answer, const char* call_name, std::string_view doing) noexcept {
    // A driver that has rectangles answers EINVAL for one that it does not have, or ENODATA at this input.
    if (answer == -EINVAL || answer == -ENOTTY || answer == -ENODATA)
        return session.refused(ErrorKind::unsupported, answer, call_name, doing)
            .remedy("the driver has no such rectangle at this input and format");
    if (answer == -ERANGE)
        return session.refused(ErrorKind::incompatible, answer, call_name, doing);
    return session.refused(answer, call_name, doing);
}

} // namespace

Result<Rectangle> get_selection(Camera& camera, Selection which) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<Rectangle> {
        v4l2_selection now = request_for(which);
        if (const int answer = session.ioctl(VIDIOC_G_SELECTION, &now); answer < 0)
            return refusal(session, answer, "VIDIOC_G_SELECTION", FixedText("asking for ", name_of(which)));
        return rectangle_of(now);
    });
}

Result<Rectangle> set_selection(Camera& camera, Selection which, const Rectangle& wanted) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<Rectangle> {
        const FixedText doing("setting ", name_of(which), " to ", wanted.width, "x", wanted.height, " at ",
                              wanted.left, ",", wanted.top);
        if (which != Selection::crop && which != Selection::compose)
            return session.error(ErrorKind::invalid, FixedText(doing, ": it can only be read"));
        const std::lock_guard guard(session.node->queue_mutex);
        v4l2_selection made = request_for(which, wanted);
        if (const int answer = session.ioctl(VIDIOC_S_SELECTION, &made); answer < 0)
            return refusal(session, answer, "VIDIOC_S_SELECTION", doing);
        // A reservation is for images of the size before.
        if (session.format && session.slots.empty()) {
            const auto now = detail::current_format(session);
            const ImageLayout& before = session.format->layout;
            if (!now || now->width != before.width || now->height != before.height ||
                now->size() != before.memory_sizes[0])
                session.forget_format();
        }
        return rectangle_of(made);
    });
}

} // namespace hwalloc::v4l2
