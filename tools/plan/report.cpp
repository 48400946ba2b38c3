#include "tools/plan/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hwalloc::tools {
namespace {

// The errno or the VkResult.
std::string code_name(const Error& error) {
    if (error.domain() == ErrorDomain::vulkan)
        return std::string(vk_result_name(error.code()));
    return error.domain() == ErrorDomain::system ? std::string(errno_name(error.code())) : std::string();
}

// Of each memory, in bytes.
std::vector<std::uint64_t> sizes_of(const ImageLayout& layout) {
    return {layout.memory_sizes.begin(), layout.memory_sizes.begin() + layout.memory_count};
}

Json to_json(const ImageLayout& layout) {
    Json planes = Json::array();
    for (std::uint32_t i = 0; i < layout.plane_count; ++i)
        planes.push_back({{"memory", layout.planes[i].memory},
                          {"offset", layout.planes[i].offset},
                          {"stride", layout.planes[i].stride},
                          {"size", layout.planes[i].size}});
    return {{"fourcc", fourcc_name(layout.fourcc)},
            {"width", layout.width},
            {"height", layout.height},
            {"modifier", layout.modifier},
            {"size", layout.memory_sizes[0]},
            {"memories", sizes_of(layout)},
            {"planes", std::move(planes)}};
}

Json to_json(const Constraints& needs) {
    Json object{{"contiguous", to_text(needs.contiguous)},
                {"prefers_cached", needs.prefers_cached},
                {"needs_dma_buf", needs.needs_dma_buf},
                {"through_cpu_caches", needs.through_cpu_caches},
                {"syncs_cpu_access", needs.syncs_cpu_access},
                {"sees_cpu_caches", to_text(needs.sees_cpu_caches)},
                {"min_size", needs.min_size},
                {"size_align", needs.size_align},
                {"pitch_align", needs.pitch_align},
                {"pitch_min", needs.pitch_min},
                {"pitch_max", nullptr},
                {"modifiers", needs.modifiers},
                {"memory_per_plane", needs.memory_per_plane}};
    if (needs.pitch_max != UINT32_MAX)
        object["pitch_max"] = needs.pitch_max;
    return object;
}

Json describe(const PlanCandidate& candidate) {
    return {{"name", candidate.name},
            {"verdict", to_string(candidate.verdict)},
            {"preferred", candidate.preferred},
            {"cost", candidate.properties.cost},
            {"contiguous", to_text(candidate.properties.contiguous)},
            {"layout", candidate.layout.memory_count ? to_json(candidate.layout) : Json()},
            {"why", candidate.why ? tools::to_json(*candidate.why) : Json()}};
}

Json describe(const PlanCell& cell, const std::string& candidate, const std::string& participant) {
    const Json why = cell.why ? tools::to_json(*cell.why) : Json::object();
    const auto of_why = [&](const char* key) { return why.value(key, Json()); };
    return {{"candidate", candidate},
            {"participant", participant},
            {"verdict", to_string(cell.verdict)},
            {"call", of_why("call")},
            {"errno", of_why("errno")},
            {"vk_result", of_why("vk_result")},
            {"reason", of_why("message")},
            {"use", text_or_null(cell.recipe.use)}};
}

std::string buffer_of(const ImageLayout& layout) {
    const std::string pixels = layout.fourcc
                                   ? fmt::format("{}x{} {}, {} bytes a row, ", layout.width, layout.height,
                                                 fourcc_name(layout.fourcc), layout.planes[0].stride)
                                   : std::string();
    const std::vector<std::uint64_t> sizes = sizes_of(layout);
    return fmt::format("{}{} {} a buffer{}", pixels, fmt::join(sizes, " + "),
                       sizes == std::vector<std::uint64_t>{1} ? "byte" : "bytes",
                       sizes.size() > 1 ? fmt::format(" in {} memories", sizes.size()) : std::string());
}

} // namespace

std::string short_name(const std::string& name) {
    return name.substr(0, name.find(" ("));
}

std::string headline(const Plan& plan) {
    if (const PlanCandidate* chosen = plan.choice())
        return fmt::format("{} {}: {}", chosen->name,
                           chosen->verdict == Verdict::accepted
                               ? "does for all"
                               : "was taken by all once, and whether it always does is not known",
                           buffer_of(chosen->layout));
    if (const auto& copy = plan.copy()) {
        std::string first;
        for (std::size_t i = 0; i < copy->participants; ++i)
            first += (i ? ", " : "") + short_name(plan.participants()[i].name);
        const PlanCandidate &from = *copy->from->choice(), &to = *copy->to->choice();
        return fmt::format("no memory does for all: {} for {}, then a copy by the CPU into {}: {}, then {}",
                           from.name, first, to.name, buffer_of(from.layout), buffer_of(to.layout));
    }
    const std::string reason = common_reason(plan);
    return fmt::format("{}{}{}",
                       outcome(plan) == Verdict::refused
                           ? "no memory does for all"
                           : "nothing is known to do for all: not all could be tried",
                       reason.empty() ? "" : ": ", reason);
}

std::string common_reason(const Plan& plan) {
    const auto candidates = plan.candidates();
    if (plan.choice() || candidates.size() < 2)
        return {};
    for (std::size_t i = 0; i < plan.participants().size(); ++i) {
        const auto& first = candidates.front().cells[i].why;
        const std::string text = first ? first->message() : std::string();
        if (first && std::all_of(candidates.begin(), candidates.end(), [&](const PlanCandidate& one) {
                return one.cells[i].why && one.cells[i].why->message() == text;
            }))
            return text;
    }
    return {};
}

Verdict outcome(const Plan& plan) {
    if (const PlanCandidate* chosen = plan.choice())
        return chosen->verdict;
    const auto candidates = plan.candidates();
    return std::any_of(candidates.begin(), candidates.end(),
                       [](const PlanCandidate& one) { return one.verdict == Verdict::untested; })
               ? Verdict::untested
               : Verdict::refused;
}

std::vector<Use> uses(const Plan& plan) {
    if (const auto& copy = plan.copy()) {
        std::vector<Use> both = uses(*copy->from);
        for (const Use& one : uses(*copy->to))
            both.push_back(one);
        return both;
    }
    std::vector<Use> all;
    if (const PlanCandidate* chosen = plan.choice())
        for (std::size_t i = 0; i < plan.participants().size(); ++i)
            all.push_back({plan.participants()[i], *chosen, chosen->cells[i].recipe});
    return all;
}

bool is_used(const Plan& plan, const PlanCandidate& candidate) {
    const std::vector<Use> all = uses(plan);
    return candidate.allocator && std::any_of(all.begin(), all.end(), [&](const Use& one) {
               return one.memory.allocator.get() == candidate.allocator.get();
           });
}

std::size_t Reasons::number_of(const Error& error) {
    std::string text = error.message();
    if (text == seen_)
        return 0;
    const auto known = std::find(texts_.begin(), texts_.end(), text);
    if (known != texts_.end())
        return static_cast<std::size_t>(known - texts_.begin()) + 1;
    texts_.push_back(std::move(text));
    return texts_.size();
}

std::vector<std::string> remarks(const Plan& plan) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < plan.participants().size(); ++i) {
        const PlanParticipant& one = plan.participants()[i];
        if (one.needs_contiguous == Answer::yes)
            lines.push_back(fmt::format("{} needs contiguous memory: {}", one.name, one.why_contiguous));
        else if (one.only_own)
            lines.push_back(fmt::format(
                "{} takes no memory but its own: it refused all the rest that could be tried", one.name));
        else if (one.needs_contiguous == Answer::no && one.why_contiguous != "it says so")
            lines.push_back(fmt::format("{} needs no contiguous memory: {}", one.name, one.why_contiguous));
    }
    return lines;
}

Finding look_at(const PlanCell& cell, Reasons& reasons) {
    return cell.why ? Finding{code_name(*cell.why), reasons.number_of(*cell.why)} : Finding();
}

Cell in_words(const PlanCell& cell, Reasons& reasons) {
    if (cell.verdict == Verdict::accepted)
        return {"yes", Style::good};
    const bool refused = cell.verdict == Verdict::refused;
    const Finding finding = look_at(cell, reasons);
    std::string text = refused ? "no" : "?";
    if (!finding.code.empty())
        text += " " + finding.code;
    if (finding.reason)
        text += fmt::format(" [{}]", finding.reason);
    return {std::move(text), refused ? Style::bad : Style::warning};
}

namespace {

// A row for each memory, a column for each participant, then what the trials showed and every reason.
void print_matrix(Output& out, const Plan& plan) {
    std::vector<std::string> head{"MEMORY"};
    for (const PlanParticipant& one : plan.participants())
        head.push_back(short_name(one.name));
    head.emplace_back("COST");
    Table table(std::move(head));
    Reasons reasons(common_reason(plan));
    for (const PlanCandidate& candidate : plan.candidates()) {
        std::vector<Cell> row{{candidate.name, is_used(plan, candidate) ? Style::strong : Style::plain}};
        for (const PlanCell& cell : candidate.cells)
            row.push_back(in_words(cell, reasons));
        row.push_back(
            {candidate.preferred ? "preferred" : std::to_string(candidate.properties.cost), Style::faint});
        table.row(std::move(row));
    }
    out.table(table);

    out.line();
    for (const std::string& line : remarks(plan))
        out.line(line);
    for (std::size_t i = 0; i < reasons.texts().size(); ++i)
        out.line(
            fmt::format("{} {}", out.styled(fmt::format("[{}]", i + 1), Style::strong), reasons.texts()[i]));
}

} // namespace

void print_plan(Output& out, const Plan& plan) {
    const PlanCandidate* chosen = plan.choice();
    const bool proved = chosen && chosen->verdict == Verdict::accepted;
    out.line(out.styled(headline(plan), proved                  ? Style::good
                                        : chosen || plan.copy() ? Style::warning
                                                                : Style::bad));
    for (const Use& one : uses(plan))
        out.line(fmt::format("  {}: {}{}\n    once: {}\n    before: {}\n    after: {}",
                             out.styled(short_name(one.participant.name), Style::strong), one.recipe.use,
                             plan.copy() ? fmt::format(" of {}", one.memory.name) : std::string(),
                             one.recipe.once, one.recipe.begin, one.recipe.end));
    out.line();
    print_matrix(out, plan);
    if (const auto& copy = plan.copy())
        for (const auto& [title, side] :
             {std::pair("before the copy:", &copy->from), {"after it:", &copy->to}}) {
            out.line();
            out.line(out.styled(title, Style::strong));
            print_matrix(out, **side);
        }
}

Json to_json(const Plan& plan) {
    Json participants = Json::array(), candidates = Json::array(), cells = Json::array(),
         ranking = Json::array(), recipes = Json::array();
    for (const PlanParticipant& one : plan.participants())
        participants.push_back({{"name", one.name},
                                {"needs_contiguous", to_text(one.needs_contiguous)},
                                {"why_contiguous", text_or_null(one.why_contiguous)},
                                {"only_own", one.only_own},
                                {"constraints", to_json(one.constraints)}});
    for (const PlanCandidate& candidate : plan.candidates()) {
        candidates.push_back(describe(candidate));
        for (std::size_t i = 0; i < candidate.cells.size(); ++i)
            cells.push_back(describe(candidate.cells[i], candidate.name, plan.participants()[i].name));
    }
    for (const std::size_t index : plan.ranking())
        ranking.push_back(plan.candidates()[index].name);
    for (const Use& one : uses(plan))
        recipes.push_back({{"participant", one.participant.name},
                           {"memory", one.memory.name},
                           {"use", text_or_null(one.recipe.use)},
                           {"once", text_or_null(one.recipe.once)},
                           {"begin", text_or_null(one.recipe.begin)},
                           {"end", text_or_null(one.recipe.end)}});
    const PlanCandidate* chosen = plan.choice();
    Json copy;
    if (const auto& two = plan.copy())
        copy = {
            {"participants", two->participants}, {"from", to_json(*two->from)}, {"to", to_json(*two->to)}};
    const PreferredAllocators& preferred = preferred_allocators();
    return {{"choice", chosen ? Json(chosen->name) : Json()},
            {"verdict", to_string(outcome(plan))},
            {"headline", headline(plan)},
            {"ranking", std::move(ranking)},
            {"recipes", std::move(recipes)},
            {"participants", std::move(participants)},
            {"candidates", std::move(candidates)},
            {"cells", std::move(cells)},
            {"constraints", plan.constraints() ? to_json(*plan.constraints()) : Json()},
            {"copy", std::move(copy)},
            {"preferences",
             {{"names", preferred.names},
              {"source", text_or_null(preferred.source)},
              {"why", preferred.why ? tools::to_json(*preferred.why) : Json()}}},
            {"error", plan.error() ? to_json(*plan.error()) : Json()}};
}

} // namespace hwalloc::tools
