// Whether memory that a device took was taken by luck: because the one buffer that was tried happened to be
// contiguous. That follows from what the device needs, which is found out by twins (contiguity.h).
#pragma once

#include "allocators/plan/planner.h"

namespace hwalloc::planning {

// What is known of each participant's need, while memory is tried. All that it is given outlives it, and
// changes by it: the needs and reasons of `parts.participants`, and the cells of `parts.candidates`.
class Luck {
public:
    Luck(std::span<const ParticipantRef> participants, const OwnAllocators& own, const Agreement& agreement,
         Plan::Parts& parts);

    // Whether a candidate's memory is one that participant `i` brought itself.
    bool is_own(const PlanCandidate& candidate, std::size_t i) const;
    // Memory of a candidate was taken by participant `i`. If it promises no contiguity, whether that was luck
    // follows from what the device needs.
    void learn_from_taking(PlanCandidate& candidate, std::size_t i);
    // It was refused: candidate.cells[i] says why. `complete`: find out why, where that may be contiguity.
    void learn_from_refusal(PlanCandidate& candidate, std::size_t i, Memory& memory, bool complete);
    // Once all was tried.
    void conclude_from_refusals();

private:
    // What was found out about a participant, beside what parts.participants tells.
    struct Evidence {
        bool asked = false; // by twins
        Contiguity contiguity;
        int scattered_unreachable = 0; // the errno with which it refused another maker's scattered memory
    };

    // Whether a device may have taken memory only because it happened to be contiguous.
    bool may_be_luck(const PlanCandidate& candidate, std::size_t i) const;
    void check_luck(PlanCandidate& candidate, std::size_t i);
    // Tries twins, once for each participant.
    void probe_contiguity(std::size_t i);
    // A device that needs contiguous memory makes its own so.
    void ask_owners_for_contiguity(PlanCandidate& candidate);
    // Whether it took memory of somebody else's that may be contiguous.
    bool imports_contiguous(std::size_t i) const;
    Error contiguity_error(std::size_t i) const;

    const std::span<const ParticipantRef> participants_;
    const OwnAllocators& own_;
    const Agreement& agreement_;
    Plan::Parts& parts_;
    std::vector<Evidence> evidence_;
    std::optional<Twins> twins_;
};

// Of all cells together.
void set_verdict(PlanCandidate& candidate);

} // namespace hwalloc::planning
