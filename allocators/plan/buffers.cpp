// Memory of a candidate, laid out as all have agreed: for the trials, and for the caller that has the plan.
#include <algorithm>
#include <numeric>

#include "allocators/plan/planner.h"
#include "common/checked.h"
#include "common/without_exceptions.h"
#include "hwalloc/machine_memory.h"

namespace hwalloc {
namespace planning {
namespace {

// An image as the allocator lays it out, if that layout does for all participants.
Result<Image> alloc_image_for_all(PlanCandidate& candidate, const ImageSpec& image,
                                  const Agreement& agreement, std::span<const ParticipantRef> participants) {
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
    if (auto all = check_accepted_by_all(participants, agreement, layout, bytes); !all)
        return std::move(all).error();
    layout.memory_sizes[0] = bytes;
    return made;
}

// Of all memories together, each of which a process can have.
std::uint64_t size_of(const ImageLayout& layout) {
    return std::accumulate(layout.memory_sizes.begin(), layout.memory_sizes.begin() + layout.memory_count,
                           std::uint64_t{0});
}

// Some allocators give memory page by page, at the first use: when the machine has no more, the kernel ends a
// process. So large sizes are compared with what is free. A device's own memory is not counted
// there, and where memory lies together it is taken all at once.
Result<void> check_room(const PlanCandidate& candidate, std::uint64_t bytes) {
    constexpr std::uint64_t small = 16 << 20;
    if (bytes <= small || candidate.properties.device_local == Answer::yes ||
        candidate.properties.contiguous == Answer::yes)
        return {};
    return check_machine_has(bytes);
}

} // namespace

Result<Image> first_buffer(PlanCandidate& candidate, const ImageSpec& image, const Agreement& agreement,
                           std::span<const ParticipantRef> participants) {
    if (agreement.layout)
        if (auto enough = check_room(candidate, size_of(*agreement.layout)); !enough)
            return std::move(enough).error();
    const bool apart = agreement.layout && agreement.layout->memory_count > 1;
    if (image.pixels() && !apart && candidate.allocator->extension<AllocatesImages>()) {
        auto made = alloc_image_for_all(candidate, image, agreement, participants);
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
    return alloc_layout(*candidate.allocator, candidate.layout);
}

Result<Image> another_buffer(const PlanCandidate& candidate) {
    const ImageLayout& layout = candidate.layout;
    if (!candidate.lays_out)
        return alloc_layout(*candidate.allocator, layout);
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

} // namespace planning

Result<PlanBuffers> Plan::allocate_from(std::size_t candidate, std::size_t count) const noexcept {
    if (candidate >= parts_.candidates.size())
        return Error(ErrorKind::invalid, "the plan has no such candidate");
    return without_exceptions([&]() -> Result<PlanBuffers> {
        const PlanCandidate& from = parts_.candidates[candidate];
        if (from.why)
            return *from.why;
        if (from.layout.memory_count == 0)
            return Error(ErrorKind::unavailable, "allocating memory of a plan")
                .doing("this memory was not tried, as what came before it does,")
                .on(from.name)
                .remedy("make the plan with PlanRequest::complete");
        PlanBuffers buffers{.candidate = candidate, .layout = from.layout};
        std::uint64_t all;
        if (!checked_mul(planning::size_of(from.layout), std::uint64_t{count}, all))
            all = UINT64_MAX;
        if (auto enough = planning::check_room(from, all); !enough)
            return std::move(enough).error();
        buffers.memories.reserve(count * from.layout.memory_count);
        for (std::size_t i = 0; i < count; ++i) {
            auto image = planning::another_buffer(from);
            if (!image)
                return std::move(image).error();
            for (std::uint32_t memory = 0; memory < from.layout.memory_count; ++memory)
                buffers.memories.push_back(std::move(image->memory_at(memory)));
        }
        return buffers;
    });
}

Result<PlanBuffers> Plan::allocate(std::size_t count, std::size_t first) const noexcept {
    return without_exceptions([&]() -> Result<PlanBuffers> {
        if (parts_.ranking.empty())
            return *parts_.error;
        if (first >= parts_.ranking.size())
            return Error(ErrorKind::unavailable, "the plan has no other memory that would do");
        std::vector<Error> failed;
        for (std::size_t place = first; place < parts_.ranking.size(); ++place) {
            auto buffers = allocate_from(parts_.ranking[place], count);
            if (buffers) {
                buffers->passed_over = std::move(failed);
                return buffers;
            }
            failed.push_back(std::move(buffers).error());
        }
        Error error = failed.front();
        for (Error& one : failed)
            if (failed.size() > 1)
                error = std::move(error).because(std::move(one));
        return error;
    });
}

} // namespace hwalloc
