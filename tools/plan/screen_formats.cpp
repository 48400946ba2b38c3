#include "tools/plan/screen_formats.h"

#include <algorithm>

#include "hwalloc/image.h"

namespace hwalloc::tools {
namespace {

constexpr std::uint32_t usual[] = {fourcc('X', 'R', '2', '4'), fourcc('A', 'R', '2', '4'),
                                   fourcc('X', 'B', '2', '4'), fourcc('R', 'G', '1', '6'),
                                   fourcc('R', 'G', '2', '4'), fourcc('N', 'V', '1', '2'),
                                   fourcc('Y', 'U', 'Y', 'V'), fourcc('U', 'Y', 'V', 'Y')};

// A card takes its own memory at least. Where it refuses that, it does not show the format.
bool shows(const drm::Device& card, std::uint32_t format, const ImageSpec& image) {
    const auto screen = drm::participant(card, drm::CardUse::framebuffer);
    auto layout = linear_layout(format, image.width, image.height);
    if (!screen || !layout)
        return false;
    for (const AllocatorRef& own : (*screen)->own_allocators()) {
        auto laid_out = alloc_image(*own, {.fourcc = format, .width = image.width, .height = image.height});
        if (laid_out && (*screen)->attempt(*laid_out->memory, laid_out->layout))
            return true;
        auto bytes = own->alloc(static_cast<std::size_t>(layout->memory_sizes[0]));
        if (!laid_out && bytes && (*screen)->attempt(**bytes, *layout))
            return true;
    }
    return false;
}

// A camera that does not list its formats may offer it: the plan finds out.
bool offers(v4l2::Camera& camera, std::uint32_t format) {
    const auto formats = camera.list_formats();
    return !formats || std::any_of(formats->begin(), formats->end(), [&](const v4l2::FormatInfo& one) {
        return v4l2::drm_of_pixel_format(one.pixel_format) == format;
    });
}

} // namespace

bool screens_show(const Participants& participants, std::uint32_t format) {
    return std::all_of(participants.screens.begin(), participants.screens.end(),
                       [&](const drm::Device& card) { return shows(card, format, participants.image); });
}

std::optional<std::uint32_t> format_for_screens(Participants& participants) {
    for (const std::uint32_t format : usual)
        if (screens_show(participants, format) &&
            std::all_of(participants.cameras.begin(), participants.cameras.end(),
                        [&](Participants::OpenCamera& one) { return offers(one.camera, format); }))
            return format;
    return std::nullopt;
}

} // namespace hwalloc::tools
