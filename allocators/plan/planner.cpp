// Tries every candidate on every participant, and ranks what is left.
#include <algorithm>

#include "allocators/plan/luck.h"

namespace hwalloc::planning {
namespace {

class Planner {
public:
    Planner(const PlanRequest& request, std::span<const std::string_view> preferred)
        : request_(request), participants_(request.participants), preferred_(preferred) {
        parts_.image = request.image;
    }

    Plan::Parts make() {
        agreement_ = agree(participants_, request_.image, parts_.participants);
        parts_.constraints = agreement_.constraints;
        own_.resize(participants_.size());
        for (std::size_t i = 0; i < participants_.size(); ++i)
            own_[i] = participants_[i]->own_allocators();
        const Constraints needs = agreement_.constraints.value_or(Constraints());
        parts_.candidates = list_candidates(request_, needs, preferred_, own_);
        luck_.emplace(participants_, own_, agreement_, parts_);
        const Trials trials(participants_, agreement_);
        // One to take, and one to fall back to when the first runs out.
        constexpr int enough = 2;
        int accepted = 0;
        for (PlanCandidate& candidate : parts_.candidates) {
            candidate.cells.resize(participants_.size());
            if (accepted >= enough && !request_.complete) {
                mark_untried(candidate, Error(ErrorKind::unavailable, "not tried: what came before does"));
                continue;
            }
            attempt(candidate);
            accepted += candidate.verdict == Verdict::accepted;
        }
        luck_->conclude_from_refusals();
        for (std::size_t i = 0; i < participants_.size(); ++i)
            parts_.participants[i].only_own = takes_only_own(i);
        rank();
        return std::move(parts_);
    }

private:
    // The time in which memory is tried. A participant that is not ready for it refuses whatever comes.
    class Trials {
    public:
        Trials(std::span<const ParticipantRef> participants, Agreement& agreement)
            : participants_(agreement.layout ? participants : std::span<const ParticipantRef>()) {
            for (std::size_t i = 0; i < participants_.size(); ++i)
                if (auto& refusal = agreement.refusals[i]; !refusal)
                    if (auto begun = participants_[i]->begin_trials(*agreement.layout); !begun)
                        refusal = std::move(begun).error();
        }
        ~Trials() {
            for (const ParticipantRef& participant : participants_)
                participant->end_trials();
        }
        Trials(const Trials&) = delete;
        Trials& operator=(const Trials&) = delete;

    private:
        const std::span<const ParticipantRef> participants_;
    };

    // Gives the cells that have no verdict yet a reason for that.
    static void mark_untried(PlanCandidate& candidate, const Error& why) {
        for (PlanCell& cell : candidate.cells)
            if (cell.verdict == Verdict::untested && !cell.why)
                cell.why = why;
        set_verdict(candidate);
    }

    // A device that was busy, or ran short, has said nothing about the memory.
    static Verdict verdict_of(const Error& error) {
        return error.kind() == ErrorKind::busy || error.kind() == ErrorKind::exhausted ? Verdict::untested
                                                                                       : Verdict::refused;
    }

    void attempt(PlanCandidate& candidate) {
        for (std::size_t i = 0; i < participants_.size(); ++i)
            if (const auto& refusal = agreement_.refusals[i])
                candidate.cells[i] = {verdict_of(*refusal), refusal, Recipe()};
        if (!candidate.why && !agreement_.constraints)
            candidate.why = agreement_.why;
        if (candidate.why)
            return mark_untried(candidate, *candidate.why);
        auto image = first_buffer(candidate, request_.image, agreement_, participants_);
        if (!image) {
            candidate.why = std::move(image).error();
            return mark_untried(candidate, *candidate.why);
        }
        // From the last participant to the first: the first one fills the frames, and is the slowest to try.
        for (std::size_t i = participants_.size(); i-- > 0;) {
            if (agreement_.refusals[i])
                continue;
            attempt(candidate, i, *image);
            if (candidate.cells[i].verdict == Verdict::refused && !request_.complete)
                break;
        }
        mark_untried(candidate,
                     Error(ErrorKind::unavailable, "not tried: another device has refused it already"));
    }

    void attempt(PlanCandidate& candidate, std::size_t i, const Image& image) {
        PlanCell& cell = candidate.cells[i];
        auto tried = participants_[i]->attempt_image(image);
        if (tried) {
            cell = {Verdict::accepted, std::nullopt, *tried};
            luck_->learn_from_taking(candidate, i);
            if (parts_.participants[i].constraints.through_cpu_caches)
                check_coherence(candidate, i);
            return;
        }
        Error& error = tried.error();
        cell.verdict = verdict_of(error);
        cell.why = std::move(error);
        luck_->learn_from_refusal(candidate, i, *image.memory, request_.complete);
    }

    // The CPU has mapped it. Whether it sees what the devices write, and they what it writes, is another
    // matter.
    void check_coherence(PlanCandidate& candidate, std::size_t cpu) {
        PlanCell& cell = candidate.cells[cpu];
        for (std::size_t i = 0; i < participants_.size(); ++i) {
            if (i == cpu || luck_->is_own(candidate, i))
                continue;
            auto why = coherence_error(parts_.participants[i], parts_.participants[cpu], candidate);
            if (!why || cell.verdict == Verdict::refused)
                continue;
            cell.verdict = why->kind() == ErrorKind::incompatible ? Verdict::refused : Verdict::untested;
            if (cell.verdict == Verdict::refused)
                cell.recipe = Recipe();
            cell.why = std::move(why);
        }
    }

    bool takes_only_own(std::size_t i) const {
        int own = 0, refused = 0;
        for (const PlanCandidate& candidate : parts_.candidates) {
            const Verdict verdict = candidate.cells[i].verdict;
            if (verdict == Verdict::accepted && !luck_->is_own(candidate, i))
                return false;
            own += verdict == Verdict::accepted;
            refused += verdict == Verdict::refused;
        }
        return own > 0 && refused >= 2;
    }

    // Whether all took it, and nothing but luck is open.
    static bool may_work(const PlanCandidate& candidate) {
        return !candidate.why &&
               std::all_of(candidate.cells.begin(), candidate.cells.end(), [](const PlanCell& cell) {
                   return cell.verdict != Verdict::refused && cell.recipe.use[0] != '\0';
               });
    }

    void rank() {
        const auto take = [&](auto&& wanted) {
            for (std::size_t i = 0; i < parts_.candidates.size(); ++i)
                if (wanted(parts_.candidates[i]))
                    parts_.ranking.push_back(i);
        };
        take([](const PlanCandidate& one) { return one.verdict == Verdict::accepted; });
        if (request_.policy != PlanPolicy::strict)
            take([](const PlanCandidate& one) { return one.verdict == Verdict::untested && may_work(one); });
        if (!parts_.ranking.empty())
            return;
        parts_.error = no_choice_error(parts_, agreement_);
    }

    const PlanRequest& request_;
    std::span<const ParticipantRef> participants_;
    std::span<const std::string_view> preferred_;
    Plan::Parts parts_;
    Agreement agreement_;
    OwnAllocators own_;
    std::optional<Luck> luck_;
};

} // namespace

Plan::Parts make_plan(const PlanRequest& request, std::span<const std::string_view> preferred) {
    Plan::Parts parts = Planner(request, preferred).make();
    if (parts.ranking.empty() && request.policy == PlanPolicy::allow_copy)
        parts.copy = find_copy(request, preferred);
    return parts;
}

} // namespace hwalloc::planning
