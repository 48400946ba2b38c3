#include "tools/plan/participants.h"

#include <fmt/format.h>

#include "hwalloc/drm.h"
#include "tools/capture/format_options.h"

namespace hwalloc::tools {
namespace {

template<class T>
Result<void> add(Participants& to, Result<T> participant) {
    if (!participant)
        return std::move(participant).error();
    to.all.push_back(std::move(*participant));
    return {};
}

// The pixels that a code of V4L2's stands for, whether with a memory for each plane or not; none, where
// drm_fourcc.h has no name for them.
ImageSpec pixels_of(const v4l2::FormatRequest& request) {
    const PixelFormat* format = pixel_format_by_v4l2(request.pixel_format);
    return {.fourcc = format ? format->drm.code : 0,
            .width = request.width,
            .height = request.height,
            .memory_per_plane = format && format->v4l2_memory_per_plane == request.pixel_format};
}

// As many bytes as an image of the layout has.
ImageSpec bytes_of(const ImageLayout& layout) {
    ImageSpec bytes{.size = layout.memory_sizes[0]};
    for (std::uint32_t i = 1; i < layout.memory_count; ++i)
        bytes.more_sizes[i - 1] = layout.memory_sizes[i];
    return bytes;
}

// What is shared with a camera: what is asked for, and what it has, for the rest.
Result<ImageSpec> image_of(v4l2::Camera& camera, const v4l2::FormatRequest& request) {
    ImageSpec image = pixels_of(request);
    if (image.pixels() && image.width)
        return image;
    const auto now = camera.current_format();
    if (!now)
        return now.error();
    if (!image.width)
        image.width = now->layout.width, image.height = now->layout.height;
    if (!image.pixels())
        image.fourcc = now->layout.fourcc;
    if (!image.pixels() && !request.width)
        return bytes_of(now->layout); // compressed
    if (!image.pixels())
        image.fourcc = fourcc('Y', 'U', 'Y', 'V');
    return image;
}

// A compressed format has no size until the driver has said it, so a camera is set to that for the plan, and
// back.
Result<ImageSpec> set_compressed(Participants::OpenCamera& one, const v4l2::FormatRequest& request) {
    if (const auto now = one.camera.current_format())
        one.before = v4l2::FormatRequest{.pixel_format = now->pixel_format,
                                         .width = now->layout.width,
                                         .height = now->layout.height,
                                         .rate = now->rate,
                                         .stride = now->layout.planes[0].stride};
    const auto set = one.camera.negotiate(request);
    if (!set)
        return set.error();
    if (set->pixel_format != request.pixel_format)
        return Error(ErrorKind::unsupported, "setting the format")
            .doing(fmt::format("asking for {} and getting {}", format_name(request.pixel_format),
                               format_name(set->pixel_format)))
            .on(one.camera.info().path)
            .call("VIDIOC_S_FMT")
            .remedy("`hwalloc capture --list-formats` shows what the camera offers");
    return bytes_of(set->layout);
}

Result<void> add_camera(Participants& to, const std::string& path, const v4l2::FormatRequest& request,
                        bool allow_copies) {
    auto camera = v4l2::Camera::open(path);
    if (!camera)
        return std::move(camera).error();
    camera->allow_copies(allow_copies);
    auto& one = to.cameras.emplace_back(std::move(*camera));
    const bool compressed = request.pixel_format && !pixels_of(request).pixels();
    auto image = compressed ? set_compressed(one, request) : image_of(one.camera, request);
    if (!image)
        return std::move(image).error();
    if (to.cameras.size() == 1)
        to.image = *image;
    return add(to, v4l2::capture_participant(one.camera));
}

Result<void> add_card(Participants& to, const std::string& which, drm::CardUse use) {
    auto card = drm::Device::open(which);
    if (!card)
        return std::move(card).error();
    if (use == drm::CardUse::framebuffer)
        to.screens.push_back(*card);
    return add(to, drm::participant(*card, use));
}

} // namespace

Result<Participants> open_all(const PlanOptions& options, const v4l2::FormatRequest& request) {
    Participants found;
    const bool allow_copies = options.policy == "allow-copy";
    for (const std::string& path : options.cameras)
        if (auto added = add_camera(found, path, request, allow_copies); !added)
            return std::move(added).error();
    if (options.cameras.empty() && request.width) {
        // Names of V4L2 are what people know; what only the others have is taken as it is.
        found.image = pixels_of(request);
        if (!found.image.pixels())
            found.image.fourcc = request.pixel_format;
    }
    if (options.bytes)
        found.image.size = options.bytes;
    for (const std::string& access : options.cpu)
        if (access == "write")
            if (auto added = add(found, cpu_participant(MapFlags::write)); !added)
                return std::move(added).error();
    for (const std::string& which : options.gpus)
        if (auto added = add(found, participant_of(which.empty() ? "vulkan" : "vulkan/" + which)); !added)
            return std::move(added).error();
    for (const std::string& which : options.cards)
        if (auto added = add_card(found, which, drm::CardUse::import); !added)
            return std::move(added).error();
    for (const std::string& path : options.outputs)
        if (auto added = add(found, v4l2::output_participant(path, allow_copies)); !added)
            return std::move(added).error();
    for (const std::string& which : options.displays)
        if (auto added = add_card(found, which, drm::CardUse::framebuffer); !added)
            return std::move(added).error();
    for (const std::string& access : options.cpu)
        if (access != "write")
            if (auto added =
                    add(found, cpu_participant(access == "read" ? MapFlags::read : MapFlags::readwrite));
                !added)
                return std::move(added).error();
    return found;
}

} // namespace hwalloc::tools
