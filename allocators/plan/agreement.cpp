// What all participants need together, and the layout of pixels that nobody changes any more.
#include <algorithm>
#include <limits>

#include "allocators/modifiers.h"
#include "allocators/plan/planner.h"
#include "common/addressable.h"
#include "common/checked.h"
#include "common/fixed_text.h"

namespace hwalloc::planning {
namespace {

std::uint64_t round_up(std::uint64_t value, std::uint64_t to) {
    return to > 1 ? (value + to - 1) / to * to : value;
}

// Bytes, in as many memories as are asked for.
ImageLayout layout_of_bytes(const ImageSpec& image) {
    ImageLayout layout{.plane_count = image.memory_count(), .memory_count = image.memory_count()};
    for (std::uint32_t i = 1; i < layout.memory_count; ++i) {
        layout.planes[i].memory = i;
        layout.memory_sizes[i] = image.more_sizes[i - 1];
    }
    return layout;
}

// Raises each size to those of `least`, and to a multiple of what the constraints say.
Result<void> raise_sizes(ImageLayout& layout, const std::array<std::uint64_t, ImageLayout::max_planes>& least,
                         const Constraints& constraints) {
    for (std::uint32_t i = 0; i < layout.memory_count && i < ImageLayout::max_planes; ++i) {
        const std::uint64_t size = std::max(layout.memory_sizes[i], least[i]);
        if (size > std::numeric_limits<std::uint64_t>::max() - constraints.size_align)
            return Error(ErrorKind::limit, "the size of the image does not fit");
        layout.memory_sizes[i] = round_up(size, constraints.size_align);
        if (auto bytes = addressable(layout.memory_sizes[i]); !bytes)
            return std::move(bytes).error();
    }
    return {};
}

// The smallest layout that the numbers allow.
Result<ImageLayout> first_proposal(const ImageSpec& image, const Constraints& constraints) {
    ImageLayout layout = layout_of_bytes(image);
    if (image.pixels()) {
        auto least = linear_layout(image.fourcc, image.width, image.height);
        if (!least)
            return least;
        const std::uint64_t stride =
            round_up(std::max(least->planes[0].stride, constraints.pitch_min), constraints.pitch_align);
        if (stride > constraints.pitch_max)
            return Error(ErrorKind::incompatible, "agreeing on a layout")
                .doing(FixedText("rows of ", image.width, " pixels take ", stride,
                                 " bytes, and a device takes at most ", constraints.pitch_max));
        auto wider =
            linear_layout(image.fourcc, image.width, image.height, static_cast<std::uint32_t>(stride));
        if (!wider)
            return wider;
        const bool apart = image.memory_per_plane || constraints.memory_per_plane;
        layout = apart ? with_memory_per_plane(*wider) : *wider;
    }
    if (auto raised = raise_sizes(layout, {std::max(image.size, constraints.min_size)}, constraints); !raised)
        return std::move(raised).error();
    if (!image.pixels())
        for (std::uint32_t i = 0; i < layout.plane_count; ++i)
            layout.planes[i].size = layout.memory_sizes[i];
    return layout;
}

std::string describe(const ImageLayout& layout) {
    FixedText words("a stride of ", layout.planes[0].stride, " and ", layout.memory_sizes[0]);
    for (std::uint32_t i = 1; i < layout.memory_count && i < ImageLayout::max_planes; ++i)
        words.append(FixedText(" + ", layout.memory_sizes[i]));
    words.append(" bytes");
    return std::string(words.view());
}

// Whether a layout that a participant has changed still fits the merged constraints.
Result<void> check_pitch(const ImageLayout& layout, const Constraints& constraints,
                         std::string_view changed_by) {
    const std::uint32_t stride = layout.planes[0].stride;
    if (layout.fourcc == 0 || (stride >= constraints.pitch_min && stride <= constraints.pitch_max &&
                               stride % std::max(constraints.pitch_align, 1u) == 0))
        return {};
    return Error(ErrorKind::incompatible, "agreeing on a layout")
        .doing("the layout does not do for all")
        .on(changed_by)
        .remedy(FixedText("it has ", describe(layout), ", and all need a stride of at least ",
                          constraints.pitch_min, ", at most ", constraints.pitch_max, ", a multiple of ",
                          constraints.pitch_align, ": choose another width or format"));
}

// Proposes a layout to all in turn, until nobody changes it.
Result<ImageLayout> negotiate(std::span<const ParticipantRef> participants, Agreement& agreement,
                              ImageLayout layout) {
    constexpr int rounds = 8; // enough for strides that grow to a common multiple
    std::string_view last_changed;
    ImageLayout before;
    for (int round = 0; round < rounds; ++round) {
        bool changed = false;
        for (std::size_t i = 0; i < participants.size(); ++i) {
            if (agreement.refusals[i])
                continue;
            auto settled = participants[i]->settle(layout);
            if (!settled) {
                agreement.refusals[i] = std::move(settled).error();
                continue;
            }
            if (settled->memory_count != layout.memory_count) {
                agreement.refusals[i] =
                    Error(ErrorKind::incompatible, "agreeing on a layout")
                        .doing(FixedText("it answers a layout in ", settled->memory_count,
                                         " memories where the image lies in ", layout.memory_count))
                        .on(participants[i]->name());
                continue;
            }
            if (auto raised = raise_sizes(*settled, layout.memory_sizes, *agreement.constraints); !raised)
                return std::move(raised).error();
            if (*settled == layout)
                continue;
            changed = true;
            before = layout;
            last_changed = participants[i]->name();
            layout = *settled;
        }
        if (!changed) {
            if (auto all = check_pitch(layout, *agreement.constraints, last_changed); !all)
                return std::move(all).error();
            return layout;
        }
    }
    return Error(ErrorKind::incompatible, "agreeing on a layout")
        .doing("the devices agree on no stride and size")
        .on(last_changed)
        .remedy("it answers " + describe(layout) + " where " + describe(before) +
                " does for the others: choose another width or format, or let one of them use bytes "
                "(a VkBuffer) instead of an image");
}

} // namespace

Agreement agree(std::span<const ParticipantRef> participants, const ImageSpec& image,
                std::vector<PlanParticipant>& described) {
    Agreement agreement;
    agreement.refusals.resize(participants.size());
    // Constraints that need nothing, to merge the others into.
    agreement.constraints = Constraints{.needs_dma_buf = false, .sees_cpu_caches = Answer::yes};
    for (std::size_t i = 0; i < participants.size(); ++i) {
        PlanParticipant& one = described.emplace_back();
        one.name = participants[i]->name();
        auto asked = participants[i]->ask(image);
        if (!asked) {
            agreement.refusals[i] = std::move(asked).error();
            continue;
        }
        one.constraints = std::move(*asked);
        one.needs_contiguous = one.constraints.contiguous;
        if (one.needs_contiguous != Answer::unknown)
            one.why_contiguous = "it says so";
        if (!agreement.constraints)
            continue;
        auto both = merge(*agreement.constraints, one.constraints);
        if (both) {
            agreement.constraints = std::move(*both);
        } else {
            agreement.why = std::move(both).error().on(one.name);
            agreement.constraints.reset();
        }
    }
    if (!agreement.constraints)
        return agreement;
    auto layout = allows_linear(agreement.constraints->modifiers)
                      ? first_proposal(image, *agreement.constraints)
                      : Error(ErrorKind::incompatible, "the devices have no linear layout in common");
    if (layout)
        layout = negotiate(participants, agreement, *layout);
    if (layout)
        agreement.layout = *layout;
    else
        agreement.why = std::move(layout).error();
    return agreement;
}

Result<void> check_accepted_by_all(std::span<const ParticipantRef> participants, const Agreement& agreement,
                                   const ImageLayout& layout, std::uint64_t bytes) {
    if (auto all = check_pitch(layout, *agreement.constraints, "the allocator"); !all)
        return all;
    for (std::size_t i = 0; i < participants.size(); ++i) {
        if (agreement.refusals[i])
            continue;
        auto settled = participants[i]->settle(layout);
        if (!settled)
            return std::move(settled).error();
        if (settled->modifier != layout.modifier || settled->planes != layout.planes)
            return Error(ErrorKind::incompatible, "agreeing on a layout")
                .doing("the allocator's layout does not do")
                .on(participants[i]->name())
                .remedy("it wants " + describe(*settled) + ", the allocator gives " + describe(layout));
        if (settled->memory_sizes[0] > bytes)
            return Error(ErrorKind::incompatible, "the allocator's image is smaller than a device needs")
                .on(participants[i]->name())
                .wanted(settled->memory_sizes[0])
                .held(bytes);
    }
    return {};
}

} // namespace hwalloc::planning
