// Tries every candidate on every participant, and ranks what is left.
#include "allocators/plan/planner.h"

#include <algorithm>
#include <cerrno>

#include "common/dma_buf.h"

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
        if (agreement_.layout)
            twins_.emplace(agreement_.layout->memory_sizes[0]);
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
        conclude_from_refusals();
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

    static void set_verdict(PlanCandidate& candidate) {
        const auto any = [&](Verdict verdict) {
            return std::any_of(candidate.cells.begin(), candidate.cells.end(),
                               [&](const PlanCell& cell) { return cell.verdict == verdict; });
        };
        candidate.verdict = any(Verdict::refused)                     ? Verdict::refused
                            : candidate.why || any(Verdict::untested) ? Verdict::untested
                                                                      : Verdict::accepted;
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
        auto tried = participants_[i]->attempt(*image.memory, image.layout);
        if (tried) {
            cell = {Verdict::accepted, std::nullopt, *tried};
            if (may_be_luck(candidate, i))
                check_luck(candidate, i);
            if (parts_.participants[i].constraints.through_cpu_caches)
                check_coherence(candidate, i);
            return;
        }
        Error& error = tried.error();
        cell.verdict = verdict_of(error);
        if (const int answer = unreachable_errno(error); answer &&
                                                         candidate.properties.contiguous == Answer::no &&
                                                         is_of_another_maker(exporter_of(*image.memory)))
            evidence_[i].scattered_unreachable = answer;
        cell.why = std::move(error);
        if (cell.verdict == Verdict::refused && request_.complete &&
            candidate.properties.contiguous != Answer::yes && !is_own(candidate, i)) {
            probe_contiguity(i);
            if (parts_.participants[i].needs_contiguous == Answer::yes)
                cell.why = Error(*cell.why).because(contiguity_error(i));
        }
    }

    static std::string exporter_of(Memory& memory) {
        const auto fd = borrow_fd(memory, FdKind::dmabuf);
        return fd ? dma_buf::exporter_of(fd->fd) : std::string();
    }

    bool is_own(const PlanCandidate& candidate, std::size_t i) const {
        return std::any_of(own_[i].begin(), own_[i].end(),
                           [&](const AllocatorRef& one) { return one.get() == candidate.allocator.get(); });
    }

    // Whether a device may have taken memory only because it happened to be contiguous.
    bool may_be_luck(const PlanCandidate& candidate, std::size_t i) const {
        return candidate.properties.contiguous != Answer::yes && !is_own(candidate, i);
    }

    // Tries twins, once for each participant.
    void probe_contiguity(std::size_t i) {
        PlanParticipant& participant = parts_.participants[i];
        Evidence& known = evidence_[i];
        if (known.asked || participant.needs_contiguous != Answer::unknown || !twins_)
            return;
        known.asked = true;
        known.contiguity = twins_->try_on([&](Memory& twin) {
            auto taken = participants_[i]->attempt(twin, *agreement_.layout);
            return taken ? Result<void>() : Result<void>(std::move(taken).error());
        });
        participant.needs_contiguous = known.contiguity.needed;
        participant.why_contiguous = known.contiguity.how;
    }

    Error contiguity_error(std::size_t i) const {
        const PlanParticipant& participant = parts_.participants[i];
        return Error(ErrorKind::incompatible, "finding out")
            .doing("the device needs contiguous memory: " + participant.why_contiguous)
            .on(participant.name);
    }

    // A device that needs contiguous memory makes its own so.
    void ask_owners_for_contiguity(PlanCandidate& candidate) {
        for (std::size_t i = 0;
             i < participants_.size() && candidate.properties.contiguous == Answer::unknown; ++i) {
            if (!is_own(candidate, i))
                continue;
            probe_contiguity(i);
            if (parts_.participants[i].needs_contiguous == Answer::yes)
                candidate.properties.contiguous = Answer::yes;
        }
    }

    // Memory that promises no contiguity was taken. Whether that was luck follows from what the device needs.
    void check_luck(PlanCandidate& candidate, std::size_t i) {
        probe_contiguity(i);
        const PlanParticipant& participant = parts_.participants[i];
        if (participant.needs_contiguous == Answer::no)
            return;
        ask_owners_for_contiguity(candidate);
        if (candidate.properties.contiguous == Answer::yes)
            return;
        PlanCell& cell = candidate.cells[i];
        if (participant.needs_contiguous == Answer::yes) {
            cell.verdict = Verdict::refused;
            cell.recipe = Recipe();
            cell.why = Error(ErrorKind::incompatible, "trying memory")
                           .doing("one buffer was taken, by luck: it happened to be contiguous, and the next "
                                  "need not be,")
                           .on(participant.name)
                           .remedy("the device needs contiguous memory, and " + candidate.name +
                                   " does not promise it")
                           .because(contiguity_error(i));
            return;
        }
        cell.verdict = Verdict::untested;
        Error why = Error(ErrorKind::unavailable, "trying memory")
                        .doing("one buffer was taken, perhaps by luck: whether the device needs contiguous "
                               "memory is not known,")
                        .on(participant.name)
                        .remedy(participant.why_contiguous);
        const auto& unknown = evidence_[i].contiguity.why_unknown;
        cell.why = unknown ? std::move(why).because(*unknown) : std::move(why);
    }

    // The CPU has mapped it. Whether it sees what the devices write, and they what it writes, is another
    // matter.
    void check_coherence(PlanCandidate& candidate, std::size_t cpu) {
        PlanCell& cell = candidate.cells[cpu];
        for (std::size_t i = 0; i < participants_.size(); ++i) {
            if (i == cpu || is_own(candidate, i))
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

    void conclude_from_refusals() {
        for (std::size_t i = 0; i < participants_.size(); ++i) {
            PlanParticipant& participant = parts_.participants[i];
            Contiguity& contiguity = evidence_[i].contiguity;
            const int unreachable = evidence_[i].scattered_unreachable;
            // EINVAL has other causes too: of a device that imports nothing at all, or that took one
            // scattered memory and not another, nothing follows.
            if (participant.needs_contiguous != Answer::unknown ||
                (unreachable != EFAULT && !imports_contiguous(i)))
                continue;
            conclude_from_unreachable(contiguity, unreachable);
            if (contiguity.needed != Answer::yes)
                continue;
            participant.needs_contiguous = contiguity.needed;
            participant.why_contiguous = contiguity.how;
            for (PlanCandidate& candidate : parts_.candidates) {
                PlanCell& cell = candidate.cells[i];
                if (cell.recipe.use[0] != '\0' && cell.verdict == Verdict::untested &&
                    may_be_luck(candidate, i))
                    check_luck(candidate, i);
                else if (cell.verdict == Verdict::refused && cell.why &&
                         unreachable_errno(*cell.why) == unreachable)
                    cell.why = Error(*cell.why).because(contiguity_error(i));
                set_verdict(candidate);
            }
        }
    }

    // Whether it took memory of somebody else's that may be contiguous.
    bool imports_contiguous(std::size_t i) const {
        return std::any_of(parts_.candidates.begin(), parts_.candidates.end(), [&](const PlanCandidate& one) {
            return one.cells[i].recipe.use[0] != '\0' && !is_own(one, i) &&
                   one.properties.contiguous != Answer::no;
        });
    }

    bool takes_only_own(std::size_t i) const {
        int own = 0, refused = 0;
        for (const PlanCandidate& candidate : parts_.candidates) {
            const Verdict verdict = candidate.cells[i].verdict;
            if (verdict == Verdict::accepted && !is_own(candidate, i))
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

    // What was found out about each participant, beside what parts_.participants tells.
    struct Evidence {
        bool asked = false; // by twins
        Contiguity contiguity;
        int scattered_unreachable = 0; // the errno with which it refused another maker's scattered memory
    };

    const PlanRequest& request_;
    std::span<const ParticipantRef> participants_;
    std::span<const std::string_view> preferred_;
    Plan::Parts parts_;
    Agreement agreement_;
    OwnAllocators own_;
    std::vector<Evidence> evidence_ = std::vector<Evidence>(participants_.size());
    std::optional<Twins> twins_;
};

} // namespace

Plan::Parts make_plan(const PlanRequest& request, std::span<const std::string_view> preferred) {
    Plan::Parts parts = Planner(request, preferred).make();
    if (parts.ranking.empty() && request.policy == PlanPolicy::allow_copy)
        parts.copy = find_copy(request, preferred);
    return parts;
}

} // namespace hwalloc::planning
