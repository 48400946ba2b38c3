#include "tools/plan/request.h"

#include <fmt/format.h>

#include <algorithm>

namespace hwalloc::tools {
namespace {

Result<void> check_size(const ImageSpec& image) {
    const PixelFormat* format = pixel_format_by_drm(image.fourcc);
    if (!format)
        return {};
    const auto whole = [](std::uint32_t pixels, std::uint32_t shared) {
        return (std::uint64_t{pixels} + shared - 1) / shared * shared;
    };
    const std::uint64_t width = whole(image.width, format->chroma_columns),
                        height = whole(image.height, format->chroma_rows);
    if (width == image.width && height == image.height)
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
