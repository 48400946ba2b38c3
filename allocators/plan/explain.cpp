// A plan in words: the whole story, and the error of a plan without a choice.
#include <algorithm>

#include "allocators/plan/planner.h"

namespace hwalloc {
namespace planning {

Error no_choice_error(const Plan::Parts& parts, const Agreement& agreement) {
    std::string doing = "choosing memory for ";
    for (std::size_t i = 0; i < parts.participants.size(); ++i)
        doing.append(i ? ", " : "").append(parts.participants[i].name);
    if (!agreement.constraints)
        return Error(*agreement.why).doing(doing + ": they contradict each other");
    std::vector<Error> causes;
    for (const PlanCandidate& candidate : parts.candidates) {
        const PlanCell* decisive = nullptr;
        for (const PlanCell& cell : candidate.cells)
            if (cell.why &&
                (!decisive || (decisive->verdict != Verdict::refused && cell.verdict == Verdict::refused)))
                decisive = &cell;
        const Error* why = candidate.why ? &*candidate.why : decisive ? &*decisive->why : nullptr;
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

bool was_not_tried(const PlanCell& cell) {
    return cell.why && cell.why->operation().starts_with(not_tried);
}

bool was_not_tried(const PlanCandidate& candidate) {
    return !candidate.why && !candidate.cells.empty() &&
           std::all_of(candidate.cells.begin(), candidate.cells.end(),
                       [](const PlanCell& cell) { return was_not_tried(cell); });
}

} // namespace planning

std::string_view to_string(Verdict verdict) noexcept {
    return verdict == Verdict::accepted ? "accepted" : verdict == Verdict::refused ? "refused" : "untested";
}

std::string Plan::explain() const {
    std::string text;
    if (const PlanCandidate* chosen = choice())
        text.append(chosen->name)
            .append(chosen->verdict == Verdict::accepted ? " does for all\n"
                                                         : " may do: it was taken once, which is no proof\n");
    else
        text.append("no memory does for all\n");
    if (const auto& two = copy())
        text.append(two->from->choice()->name)
            .append(" for the first ")
            .append(std::to_string(two->participants))
            .append(", then a copy by the CPU into ")
            .append(two->to->choice()->name)
            .append("\n");
    for (const PlanParticipant& one : parts_.participants)
        if (one.only_own)
            text.append(one.name).append(" takes no memory but its own\n");
        else if (one.needs_contiguous == Answer::yes)
            text.append(one.name)
                .append(" needs contiguous memory: ")
                .append(one.why_contiguous)
                .append("\n");
    std::string untried;
    for (const PlanCandidate& candidate : parts_.candidates) {
        if (planning::was_not_tried(candidate)) {
            untried.append(untried.empty() ? "" : ", ").append(candidate.name);
            continue;
        }
        text.append(candidate.name).append(": ").append(to_string(candidate.verdict)).append("\n");
        if (candidate.why) {
            text.append("    ").append(candidate.why->message()).append("\n");
            continue;
        }
        for (std::size_t i = 0; i < candidate.cells.size(); ++i)
            if (const auto& why = candidate.cells[i].why; why && !planning::was_not_tried(candidate.cells[i]))
                text.append("    ")
                    .append(parts_.participants[i].name)
                    .append(": ")
                    .append(why->message())
                    .append("\n");
    }
    if (!untried.empty())
        text.append("not tried, as what comes before does: ").append(untried).append("\n");
    return text;
}

} // namespace hwalloc
