#include "tools/capture/rectangles.h"

#include <fmt/format.h>

#include "hwalloc/v4l2_selection.h"

namespace hwalloc::tools {
namespace {

using v4l2::Rectangle;

bool is_smaller(const Rectangle& one, const Rectangle& other) {
    return one.width < other.width || one.height < other.height;
}

std::string place(const Rectangle& part) {
    return fmt::format("{}x{} at {},{}", part.width, part.height, part.left, part.top);
}

std::string command(const std::string& node, const char* target, const Rectangle& wanted) {
    return fmt::format("`v4l2-ctl -d {} --set-selection target={},left={},top={},width={},height={}`", node,
                       target, wanted.left, wanted.top, wanted.width, wanted.height);
}

} // namespace

void tell_rectangles(v4l2::Camera& camera, const v4l2::CaptureFormat& format,
                     std::vector<std::string>& notes) {
    using v4l2::Selection;
    const std::string& node = camera.info().path;
    const Rectangle frame{0, 0, format.layout.width, format.layout.height};
    const auto compose = v4l2::get_selection(camera, Selection::compose);
    const auto crop = v4l2::get_selection(camera, Selection::crop);
    const auto all = v4l2::get_selection(camera, Selection::crop_default);
    // A camera that cannot scale has a smaller size by taking a part of that size, and no other.
    const Rectangle& drawn = compose ? *compose : frame;
    const bool scales = crop && (crop->width != drawn.width ||
                                 (crop->height != drawn.height && crop->height != 2 * drawn.height));
    // The part first: where the camera does not scale, it is what keeps the picture small.
    if (crop && all && is_smaller(*crop, *all) && scales)
        notes.push_back(fmt::format("{} takes {} of the {}x{} that it sees, as it was set to (crop); all of "
                                    "it again: {}",
                                    node, place(*crop), all->width, all->height,
                                    command(node, "crop", *all)));
    if (compose && is_smaller(*compose, frame))
        notes.push_back(fmt::format("{} puts its picture into {} of the frame of {}x{}, as it was set to "
                                    "(compose); into all of it again: {}",
                                    node, place(*compose), frame.width, frame.height,
                                    command(node, "compose", frame)));
}

} // namespace hwalloc::tools
