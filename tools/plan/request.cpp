#include "tools/plan/request.h"

#include <fmt/format.h>

#include <algorithm>

namespace hwalloc::tools {
namespace {

std::uint32_t even(std::uint32_t number) {
    return number + number % 2;
}

// Whether one pixel more, across or down, takes no memory in some plane: an odd size then has a pixel that it
// shares with nobody.
bool shares_colour(const ImageSpec& image, std::uint32_t width, std::uint32_t height) {
    const auto asked = linear_layout(image.fourcc, image.width, image.height);
    const auto rounded = linear_layout(image.fourcc, width, height);
    if (!asked || !rounded || (width == image.width && height == image.height))
        return false;
    for (std::uint32_t i = 0; i < asked->plane_count; ++i)
        if (asked->planes[i].size == rounded->planes[i].size)
            return true;
    return false;
}

Result<void> check_size(const ImageSpec& image) {
    const std::uint32_t width = even(image.width), height = even(image.height);
    if (!shares_colour(image, width, image.height) && !shares_colour(image, image.width, height))
        return {};
    return Error(ErrorKind::invalid, "asking for a picture")
        .doing(fmt::format("{} shares colour between neighbouring pixels, and {}x{} is odd",
                           fourcc_name(image.fourcc), image.width, image.height))
        .remedy(fmt::format("--size {}x{} does", width, height));
}

// A GPU may lay pixels out in ways of its own.
bool has_other_layouts(const Participants& participants) {
    return std::any_of(participants.all.begin(), participants.all.end(), [&](const ParticipantRef& one) {
        const auto needs = one->ask(participants.image);
        return needs && std::any_of(needs->modifiers.begin(), needs->modifiers.end(),
                                    [](std::uint64_t modifier) { return modifier != 0; });
    });
}

} // namespace

Result<void> check_request(const Participants& participants) {
    const ImageSpec& image = participants.image;
    if (image.pixels()) {
        if (auto size = check_size(image); !size)
            return size;
        const auto layout = linear_layout(image.fourcc, image.width, image.height);
        if (!layout && layout.error().kind() == ErrorKind::unsupported && !has_other_layouts(participants))
            return Error(layout.error())
                .on(fourcc_name(image.fourcc))
                .remedy("--format is a code of V4L2 or of drm_fourcc.h, such as YUYV, NV12 or XR24; `hwalloc "
                        "capture --list-formats` shows what a camera offers");
    }
    for (const ParticipantRef& one : participants.all) {
        const auto needs = one->ask(image);
        if (!needs &&
            (needs.error().kind() == ErrorKind::unsupported || needs.error().kind() == ErrorKind::invalid ||
             needs.error().kind() == ErrorKind::incompatible))
            return needs.error();
    }
    return {};
}

} // namespace hwalloc::tools
