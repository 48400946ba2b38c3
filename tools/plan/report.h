// A plan for people, as a table and as a picture, and for programs.
#pragma once

#include <string>
#include <utility>

#include "hwalloc/plan.h"
#include "tools/output.h"

namespace hwalloc::tools {

// The choice, the matrix of candidates and participants, and every reason.
void print_plan(Output& out, const Plan& plan);
Json to_json(const Plan& plan);
// The same matrix as a picture of its own, well-formed whatever the names hold.
std::string to_svg(const Plan& plan);

// ---- what table and picture have in common

// "camera /dev/video0" of "camera /dev/video0 (vivid)".
std::string short_name(const std::string& name);
// What one participant says to every memory, where none does for all; empty: the rows differ.
std::string common_reason(const Plan& plan);
// The choice in a sentence; without one, what all rows say, and what mends it.
std::string headline(const Plan& plan);
// The choice's verdict; without one, whether all that could be was refused.
Verdict outcome(const Plan& plan);

// Whose memory a participant is to use, and how: of the choice, or of either side of a copy. Valid as long as
// the plan.
struct Use {
    const PlanParticipant& participant;
    const PlanCandidate& memory;
    const Recipe& recipe;
};
std::vector<Use> uses(const Plan& plan);
// Whether anybody is to use it.
bool is_used(const Plan& plan, const PlanCandidate& candidate);

// What the trials showed of each participant, a line each.
std::vector<std::string> remarks(const Plan& plan);

// The reasons of a matrix, each once, with its number.
class Reasons {
public:
    // `seen`: a reason that the reader has been told already.
    explicit Reasons(std::string seen = {}) : seen_(std::move(seen)) {}
    // From 1 on; 0 for the one that was seen.
    std::size_t number_of(const Error& error);
    const std::vector<std::string>& texts() const { return texts_; }

private:
    std::string seen_;
    std::vector<std::string> texts_;
};

// The errno or VkResult of a cell by its name, where it has one, and the number of its reason; 0: none.
struct Finding {
    std::string code;
    std::size_t reason = 0;
};
Finding look_at(const PlanCell& cell, Reasons& reasons);

// What a cell says: "yes", "no EFAULT [1]", "? [2]", and how it looks.
Cell in_words(const PlanCell& cell, Reasons& reasons);

} // namespace hwalloc::tools
