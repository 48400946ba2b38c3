#include "allocators/plan/luck.h"

#include <algorithm>
#include <cerrno>

#include "common/dma_buf.h"

namespace hwalloc::planning {
namespace {

// One twin in the place of each memory.
Result<Image> image_of_twin(Memory& twin, const ImageLayout& layout) {
    Image image{.memory = {}, .layout = layout};
    for (std::uint32_t i = 0; i < layout.memory_count; ++i) {
        auto handle = twin.ref();
        if (!handle)
            return std::move(handle).error();
        image.memory_at(i) = *std::move(handle);
    }
    return image;
}

std::string exporter_of(Memory& memory) {
    const auto fd = borrow_fd(memory, FdKind::dmabuf);
    return fd ? dma_buf::exporter_of(fd->fd) : std::string();
}

} // namespace

Luck::Luck(std::span<const ParticipantRef> participants, const OwnAllocators& own, const Agreement& agreement,
           Plan::Parts& parts)
    : participants_(participants)
    , own_(own)
    , agreement_(agreement)
    , parts_(parts)
    , evidence_(participants.size()) {
    if (agreement.layout)
        twins_.emplace(
            *std::max_element(agreement.layout->memory_sizes.begin(), agreement.layout->memory_sizes.end()));
}

bool Luck::is_own(const PlanCandidate& candidate, std::size_t i) const {
    return std::any_of(own_[i].begin(), own_[i].end(),
                       [&](const AllocatorRef& one) { return one.get() == candidate.allocator.get(); });
}

bool Luck::may_be_luck(const PlanCandidate& candidate, std::size_t i) const {
    return candidate.properties.contiguous != Answer::yes && !is_own(candidate, i);
}

void Luck::learn_from_taking(PlanCandidate& candidate, std::size_t i) {
    if (may_be_luck(candidate, i))
        check_luck(candidate, i);
}

void Luck::learn_from_refusal(PlanCandidate& candidate, std::size_t i, Memory& memory, bool complete) {
    PlanCell& cell = candidate.cells[i];
    if (const int answer = unreachable_errno(*cell.why);
        answer && candidate.properties.contiguous == Answer::no && is_of_another_maker(exporter_of(memory)))
        evidence_[i].scattered_unreachable = answer;
    if (cell.verdict != Verdict::refused || !complete || !may_be_luck(candidate, i))
        return;
    probe_contiguity(i);
    if (parts_.participants[i].needs_contiguous == Answer::yes)
        cell.why = Error(*cell.why).because(contiguity_error(i));
}

void Luck::probe_contiguity(std::size_t i) {
    PlanParticipant& participant = parts_.participants[i];
    Evidence& known = evidence_[i];
    if (known.asked || participant.needs_contiguous != Answer::unknown || !twins_)
        return;
    known.asked = true;
    known.contiguity = twins_->try_on([&](Memory& twin) -> Result<void> {
        auto image = image_of_twin(twin, *agreement_.layout);
        if (!image)
            return std::move(image).error();
        auto taken = participants_[i]->attempt_image(*image);
        return taken ? Result<void>() : Result<void>(std::move(taken).error());
    });
    participant.needs_contiguous = known.contiguity.needed;
    participant.why_contiguous = known.contiguity.how;
}

Error Luck::contiguity_error(std::size_t i) const {
    const PlanParticipant& participant = parts_.participants[i];
    return Error(ErrorKind::incompatible, "finding out")
        .doing("the device needs contiguous memory: " + participant.why_contiguous)
        .on(participant.name);
}

void Luck::ask_owners_for_contiguity(PlanCandidate& candidate) {
    for (std::size_t i = 0; i < participants_.size() && candidate.properties.contiguous == Answer::unknown;
         ++i) {
        if (!is_own(candidate, i))
            continue;
        probe_contiguity(i);
        if (parts_.participants[i].needs_contiguous == Answer::yes)
            candidate.properties.contiguous = Answer::yes;
    }
}

void Luck::check_luck(PlanCandidate& candidate, std::size_t i) {
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
        cell.why =
            Error(ErrorKind::incompatible, "trying memory")
                .doing("one buffer was taken, by luck: it happened to be contiguous, and the next "
                       "need not be,")
                .on(participant.name)
                .remedy("the device needs contiguous memory, and " + candidate.name + " does not promise it")
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

void Luck::conclude_from_refusals() {
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
            if (cell.recipe.use[0] != '\0' && cell.verdict == Verdict::untested && may_be_luck(candidate, i))
                check_luck(candidate, i);
            else if (cell.verdict == Verdict::refused && cell.why &&
                     unreachable_errno(*cell.why) == unreachable)
                cell.why = Error(*cell.why).because(contiguity_error(i));
            set_verdict(candidate);
        }
    }
}

bool Luck::imports_contiguous(std::size_t i) const {
    return std::any_of(parts_.candidates.begin(), parts_.candidates.end(), [&](const PlanCandidate& one) {
        return one.cells[i].recipe.use[0] != '\0' && !is_own(one, i) &&
               one.properties.contiguous != Answer::no;
    });
}

void set_verdict(PlanCandidate& candidate) {
    const auto any = [&](Verdict verdict) {
        return std::any_of(candidate.cells.begin(), candidate.cells.end(),
                           [&](const PlanCell& cell) { return cell.verdict == verdict; });
    };
    candidate.verdict = any(Verdict::refused)                     ? Verdict::refused
                        : candidate.why || any(Verdict::untested) ? Verdict::untested
                                                                  : Verdict::accepted;
}

} // namespace hwalloc::planning
