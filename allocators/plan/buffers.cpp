// Memory of a candidate, laid out as all have agreed.
#include <algorithm>

#include "allocators/plan/planner.h"

namespace hwalloc::planning {
namespace {

// As the allocator lays the pixels out, if that does for everybody.
Result<Image> laid_out(PlanCandidate& candidate, const ImageSpec& image, const Agreement& agreement,
                       std::span<const ParticipantRef> participants) {
    auto made = alloc_image(*candidate.allocator, {.fourcc = image.fourcc,
                                                   .width = image.width,
                                                   .height = image.height,
                                                   .modifiers = agreement.constraints->modifiers});
    if (!made)
        return made;
    ImageLayout& layout = made->layout;
    const std::uint64_t bytes = made->memory->size();
    if (bytes < std::max(image.size, agreement.constraints->min_size))
        return Error(ErrorKind::incompatible, "the allocator's image is smaller than a device needs")
            .wanted(std::max(image.size, agreement.constraints->min_size))
            .held(bytes);
    if (const std::uint64_t step = agreement.constraints->size_align; step > 1 && bytes % step != 0)
        return Error(ErrorKind::incompatible, "the allocator's image is no multiple of what a device needs")
            .wanted((bytes / step + 1) * step)
            .held(bytes);
    if (agreement.layout) {
        layout.matrix = agreement.layout->matrix;
        layout.range = agreement.layout->range;
    }
    if (auto all = all_settle(participants, agreement, layout, bytes); !all)
        return std::move(all).error();
    layout.memory_sizes[0] = bytes;
    return made;
}

Result<Image> of_bytes(Allocator& allocator, const ImageLayout& layout) {
    auto memory = allocator.alloc(static_cast<std::size_t>(layout.memory_sizes[0]));
    if (!memory)
        return std::move(memory).error();
    return Image{std::move(*memory), layout};
}

} // namespace

Result<Image> first_buffer(PlanCandidate& candidate, const ImageSpec& image, const Agreement& agreement,
                           std::span<const ParticipantRef> participants) {
    if (image.pixels() && candidate.allocator->extension<AllocatesImages>()) {
        auto made = laid_out(candidate, image, agreement, participants);
        if (made) {
            candidate.layout = made->layout;
            candidate.lays_out = true;
            return made;
        }
        const ErrorKind kind = made.error().kind();
        if (!agreement.layout || (kind != ErrorKind::unsupported && kind != ErrorKind::incompatible))
            return made;
    }
    if (!agreement.layout)
        return agreement.why ? *agreement.why
                             : Error(ErrorKind::incompatible, "the devices agree on no layout");
    candidate.layout = *agreement.layout;
    return of_bytes(*candidate.allocator, candidate.layout);
}

Result<Image> another_buffer(const PlanCandidate& candidate) {
    const ImageLayout& layout = candidate.layout;
    if (!candidate.lays_out)
        return of_bytes(*candidate.allocator, layout);
    auto made = alloc_image(*candidate.allocator, {.fourcc = layout.fourcc,
                                                   .width = layout.width,
                                                   .height = layout.height,
                                                   .modifiers = {&layout.modifier, 1}});
    if (made && (made->layout.planes != layout.planes || made->memory->size() < layout.memory_sizes[0]))
        return Error(ErrorKind::incompatible, "the allocator laid this image out differently from the last")
            .on(candidate.name);
    if (made)
        made->layout = layout;
    return made;
}

} // namespace hwalloc::planning
