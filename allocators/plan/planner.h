// What a plan is made of while it is made. The order of work: ask everybody (agreement), list what there is
// (candidates), allocate and try it (planner), prove that nothing was luck (luck.h), and rank.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "allocators/plan/contiguity.h"
#include "hwalloc/plan.h"

namespace hwalloc::planning {

// These may throw std::bad_alloc.

// ---- agreement.cpp: what everybody needs, and the layout that nobody changes any more

struct Agreement {
    std::optional<Constraints> constraints; // nothing when they contradict each other
    std::optional<ImageLayout> layout;      // linear, or bytes; nothing when there is none
    std::optional<Error> why;               // why one of the two is missing
    // Of each participant, in their order: why it takes no such image at all.
    std::vector<std::optional<Error>> refusals;
};
Agreement agree(std::span<const ParticipantRef> participants, const ImageSpec& image,
                std::vector<PlanParticipant>& described);
// Whether all participants that have not refused already can use `layout` as it is. `bytes`: what the memory
// holds. Error: incompatible, naming who wants what instead.
Result<void> check_accepted_by_all(std::span<const ParticipantRef> participants, const Agreement& agreement,
                                   const ImageLayout& layout, std::uint64_t bytes);

// ---- candidates.cpp: which memory is worth a try, in which order

// `own`: of each participant, what it brings.
using OwnAllocators = std::vector<std::vector<AllocatorRef>>;
std::vector<PlanCandidate> list_candidates(const PlanRequest& request, const Constraints& constraints,
                                           std::span<const std::string_view> preferred,
                                           const OwnAllocators& own);

// ---- buffers.cpp: memory of a candidate

// The first buffer of a candidate, at its real size; fills in candidate.layout and lays_out. Errors: those of
// Allocator::alloc and alloc_image; incompatible (its layout does for nobody).
Result<Image> first_buffer(PlanCandidate& candidate, const ImageSpec& image, const Agreement& agreement,
                           std::span<const ParticipantRef> participants);
// One more like it. Error: incompatible (the allocator lays pixels out differently this time).
Result<Image> another_buffer(const PlanCandidate& candidate);

// ---- coherence.cpp: whether the CPU and a device see the same bytes

// Why they may not, in memory that the device did not make; its kind is `incompatible` where it is known that
// they do not.
std::optional<Error> coherence_error(const PlanParticipant& device, const PlanParticipant& cpu,
                                     const PlanCandidate& candidate);

// ---- planner.cpp, luck.h: the trials, and what they prove

Plan::Parts make_plan(const PlanRequest& request, std::span<const std::string_view> preferred);

// ---- explain.cpp, copy.cpp: when no memory does for all

// How the reason of a cell begins that was not tried, because other cells had decided already.
inline constexpr std::string_view not_tried = "not tried: ";
bool was_not_tried(const PlanCell& cell);
bool was_not_tried(const PlanCandidate& candidate); // none of its cells was
Error no_choice_error(const Plan::Parts& parts, const Agreement& agreement);
// Two plans of which each has a choice(), if there are such.
std::optional<PlanCopy> find_copy(const PlanRequest& request, std::span<const std::string_view> preferred);

} // namespace hwalloc::planning
