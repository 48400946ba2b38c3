// A plan as its user sees it: what was found, and buffers of it.
#include "hwalloc/plan.h"

#include "allocators/plan/planner.h"
#include "common/without_exceptions.h"

namespace hwalloc {

std::string_view to_string(Verdict verdict) noexcept {
    return verdict == Verdict::accepted ? "accepted" : verdict == Verdict::refused ? "refused" : "untested";
}

Plan::Plan(Parts&& parts) noexcept : parts_(std::move(parts)) {}
Plan::~Plan() = default;

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
        buffers.memories.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            auto image = planning::another_buffer(from);
            if (!image)
                return std::move(image).error();
            buffers.memories.push_back(std::move(image->memory));
        }
        return buffers;
    });
}

Result<PlanBuffers> Plan::allocate(std::size_t count, std::size_t first) const noexcept {
    return without_exceptions([&]() -> Result<PlanBuffers> {
        if (parts_.ranking.empty())
            return *parts_.why_not;
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
    for (const PlanCandidate& candidate : parts_.candidates) {
        text.append(candidate.name).append(": ").append(to_string(candidate.verdict)).append("\n");
        if (candidate.why) {
            text.append("    ").append(candidate.why->message()).append("\n");
            continue;
        }
        for (std::size_t i = 0; i < candidate.cells.size(); ++i)
            if (const auto& why = candidate.cells[i].why)
                text.append("    ")
                    .append(parts_.participants[i].name)
                    .append(": ")
                    .append(why->message())
                    .append("\n");
    }
    return text;
}

} // namespace hwalloc
