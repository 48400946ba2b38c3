// Where one memory does not do for all: two plans, and the CPU between them.
#include "allocators/plan/planner.h"

namespace hwalloc::planning {
namespace {

// A plan for the participants on one side of the copy. It plans no second copy, which nobody asked for.
PlanRef plan_side(const PlanRequest& whole, std::span<const ParticipantRef> participants,
                  std::span<const std::string_view> preferred) {
    PlanRequest request = whole;
    request.participants = participants;
    request.policy = PlanPolicy::prefer;
    return std::make_shared<const Plan>(make_plan(request, preferred));
}

bool is_proved(const Plan& plan) {
    return plan.choice()->verdict == Verdict::accepted;
}

} // namespace

std::optional<PlanCopy> find_copy(const PlanRequest& request, std::span<const std::string_view> preferred) {
    const auto reader = cpu_participant(MapFlags::read), writer = cpu_participant(MapFlags::write);
    if (!reader || !writer)
        return std::nullopt;
    const std::span all = request.participants;
    std::optional<PlanCopy> unproved;
    // Late, so that as many as possible share one memory.
    for (std::size_t split = all.size(); split-- > 1;) {
        std::vector<ParticipantRef> first(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(split));
        first.push_back(*reader);
        PlanRef from = plan_side(request, first, preferred);
        if (!from->choice())
            continue;
        std::vector<ParticipantRef> rest{*writer};
        rest.insert(rest.end(), all.begin() + static_cast<std::ptrdiff_t>(split), all.end());
        PlanRef to = plan_side(request, rest, preferred);
        if (!to->choice())
            continue;
        PlanCopy copy{.participants = split, .from = std::move(from), .to = std::move(to)};
        if (is_proved(*copy.from) && is_proved(*copy.to))
            return copy;
        if (!unproved)
            unproved = std::move(copy);
    }
    return unproved;
}

} // namespace hwalloc::planning
