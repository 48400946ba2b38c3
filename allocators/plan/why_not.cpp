// Why no memory does for all, with a cause for each candidate.
#include <algorithm>

#include "allocators/plan/planner.h"

namespace hwalloc::planning {

Error nothing_does(const Plan::Parts& parts, const Agreement& agreement) {
    std::string doing = "choosing memory for ";
    for (std::size_t i = 0; i < parts.participants.size(); ++i)
        doing.append(i ? ", " : "").append(parts.participants[i].name);
    if (!agreement.constraints)
        return Error(*agreement.why).doing(doing + ": they contradict each other");
    std::vector<Error> causes;
    for (const PlanCandidate& candidate : parts.candidates) {
        const PlanCell* telling = nullptr;
        for (const PlanCell& cell : candidate.cells)
            if (cell.why &&
                (!telling || (telling->verdict != Verdict::refused && cell.verdict == Verdict::refused)))
                telling = &cell;
        const Error* why = candidate.why ? &*candidate.why : telling ? &*telling->why : nullptr;
        if (why)
            causes.push_back(Error(*why).doing(candidate.name + ": " + std::string(why->operation())));
    }
    const bool same = !causes.empty() && std::all_of(causes.begin(), causes.end(), [&](const Error& one) {
        return one.kind() == causes.front().kind();
    });
    Error none =
        Error(same ? causes.front().kind() : ErrorKind::incompatible, "choosing memory")
            .doing(doing + (causes.empty() ? ": there is nothing to try" : ": no memory does for all"))
            .remedy(causes.empty() ? "no allocator here shares memory: `hwalloc list` says why"
                                   : "what was tried, and why it does not do, follows");
    for (Error& cause : causes)
        none = std::move(none).because(std::move(cause));
    return none;
}

} // namespace hwalloc::planning
