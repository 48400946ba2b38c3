// The matrix as a picture: SVG, so that it can be read at any size and its text be searched.
#include <fmt/format.h>

#include <algorithm>

#include "tools/plan/report.h"

namespace hwalloc::tools {
namespace {

// In pixels. Text is not measured: what is drawn depends on the reader's fonts, so these are on the wide
// side.
constexpr int margin = 32, row_height = 38, gap = 4, line_height = 18, head_height = 62;
constexpr int name_width = 200, cost_width = 96, least_column = 176;
constexpr double character_width = 6.5; // of the small text
constexpr int least_width = 900;

constexpr std::string_view ink = "#1f2328", faint = "#656d76", frame = "#d0d7de";

struct Colours {
    std::string_view fill, ink;
};
Colours colours_of(Verdict verdict) {
    return verdict == Verdict::accepted  ? Colours{"#dafbe1", "#1a7f37"}
           : verdict == Verdict::refused ? Colours{"#ffebe9", "#cf222e"}
                                         : Colours{"#fff8c5", "#9a6700"};
}

// How many bytes of `text` are one character as UTF-8 has it; 0 where they are none.
std::size_t character_at(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const unsigned first = byte(0);
    const std::size_t length = first < 0x80                     ? 1
                               : first >= 0xC2 && first <= 0xDF ? 2
                               : (first & 0xF0) == 0xE0         ? 3
                               : first >= 0xF0 && first <= 0xF4 ? 4
                                                                : 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xC0) != 0x80)
            return 0;
    // Neither a longer form than it takes, nor a surrogate, nor what is beyond Unicode or XML.
    const unsigned second = byte(1), third = byte(2);
    const bool none = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ||
                      (first == 0xEF && second == 0xBF && third >= 0xBE);
    return none ? 0 : length;
}

// XML has no other way to say these, and none at all for control characters and bytes that are no UTF-8: a
// name may hold both.
std::string escaped(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = character_at(text);
        const char c = text.front();
        if (length == 0)
            out += "\xEF\xBF\xBD"; // the replacement character
        else if (length > 1)
            out += text.substr(0, length);
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '&')
            out += "&amp;";
        else if (c == '"')
            out += "&quot;";
        else
            out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
        text.remove_prefix(std::max(length, std::size_t{1}));
    }
    return out;
}

// Breaks where the text does, and at spaces. Causes are indented in the text, which the eye does not need
// here.
std::vector<std::string> lines_of(const std::string& text, int width, double of_character = character_width) {
    const auto characters = static_cast<std::size_t>(width / of_character);
    std::vector<std::string> lines{""};
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find_first_of(" \n", at), text.size());
        const std::string word = text.substr(at, end - at);
        if (!lines.back().empty() && lines.back().size() + 1 + word.size() > characters)
            lines.emplace_back();
        lines.back() += (lines.back().empty() || word.empty() ? "" : " ") + word;
        if (end < text.size() && text[end] == '\n')
            lines.emplace_back();
        at = end + 1;
    }
    return lines;
}

struct Look {
    int size = 13;
    std::string_view fill = ink;
    bool bold = false;
    std::string_view anchor = "start";
};

class Picture {
public:
    void text(int x, int y, std::string_view words, const Look& look = {}) {
        body_ += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{}{}>{}</text>\n", x, y,
                             look.size, look.fill, look.bold ? " font-weight=\"600\"" : "",
                             look.anchor == "start" ? std::string()
                                                    : fmt::format(" text-anchor=\"{}\"", look.anchor),
                             escaped(words));
        bottom_ = std::max(bottom_, y);
    }
    void box(int x, int y, int width, int height, std::string_view fill, std::string_view stroke = "none") {
        body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"{}\" "
                             "stroke=\"{}\" stroke-width=\"2\"/>\n",
                             x, y, width, height, fill, stroke);
        bottom_ = std::max(bottom_, y + height);
    }
    // From where the pen is put, in SVG's own words.
    void stroke(std::string_view path, std::string_view colour) {
        body_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" "
                             "stroke-linecap=\"round\" stroke-linejoin=\"round\"/>\n",
                             path, colour);
    }
    // A tick, a cross or a question mark: drawn, since not every font has them.
    void sign(int x, int y, Verdict verdict) {
        const std::string_view colour = colours_of(verdict).ink;
        if (verdict == Verdict::accepted)
            stroke(fmt::format("M{} {}l4 4l8 -9", x, y), colour);
        else if (verdict == Verdict::refused)
            stroke(fmt::format("M{} {}l9 9m0 -9l-9 9", x + 1, y - 5), colour);
        else
            text(x + 2, y + 5, "?", {.size = 16, .fill = colour, .bold = true});
    }
    // The number of a reason. Returns where it ends.
    int number(int x, int y, std::size_t number, std::string_view colour) {
        const std::string words = std::to_string(number);
        const int width = 11 + 7 * static_cast<int>(words.size());
        body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"18\" rx=\"9\" fill=\"{}\"/>\n", x,
                             y - 13, width, colour);
        text(x + width / 2, y, words, {.size = 11, .fill = "#ffffff", .bold = true, .anchor = "middle"});
        return x + width;
    }
    int bottom() const { return bottom_; }
    std::string done(int width) const {
        const int height = bottom_ + margin;
        return fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
            "viewBox=\"0 0 {0} {1}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\">\n"
            "<rect x=\"0.5\" y=\"0.5\" width=\"{2}\" height=\"{3}\" rx=\"10\" fill=\"#ffffff\" "
            "stroke=\"{4}\"/>\n{5}</svg>\n",
            width, height, width - 1, height - 1, frame, body_);
    }

private:
    std::string body_;
    int bottom_ = 0;
};

class Drawing {
public:
    explicit Drawing(const Plan& plan) : plan_(plan) {
        for (const PlanParticipant& one : plan.participants())
            column_ = std::max(column_, 56 + 8 * static_cast<int>(short_name(one.name).size()));
        for (const PlanCandidate& one : plan.candidates())
            names_ = std::max(names_, 40 + 8 * static_cast<int>(one.name.size()));
        const int matrix =
            margin + names_ + static_cast<int>(plan.participants().size()) * column_ + cost_width + margin;
        width_ = std::max(matrix, least_width);
        if (!plan.participants().empty() && width_ > matrix)
            column_ += (width_ - matrix) / static_cast<int>(plan.participants().size());
    }

    std::string draw() {
        title();
        heads();
        for (const PlanCandidate& candidate : plan_.candidates())
            row(candidate);
        findings();
        return picture_.done(width_);
    }

private:
    int left(std::size_t i) const { return margin + names_ + static_cast<int>(i) * column_; }

    // The choice, and below it what a buffer of it is.
    void title() {
        const std::string whole = headline(plan_);
        const std::size_t colon = whole.find(": ");
        const Verdict verdict = plan_.choice() ? plan_.choice()->verdict
                                : plan_.copy() ? Verdict::untested
                                               : Verdict::refused;
        const std::string_view colour = colours_of(verdict).ink;
        y_ = margin + 14;
        for (const std::string& line : lines_of(whole.substr(0, colon), width_ - 2 * margin, 12)) {
            picture_.text(margin, y_, line, {.size = 20, .fill = colour, .bold = true});
            y_ += 26;
        }
        if (colon != whole.npos)
            for (const std::string& line : lines_of(whole.substr(colon + 2), width_ - 2 * margin, 8)) {
                picture_.text(margin, y_, line, {.size = 14, .fill = faint});
                y_ += 20;
            }
        y_ += 6;
    }

    // Who takes part, in the order in which they see a frame.
    void heads() {
        const std::size_t count = plan_.participants().size();
        for (std::size_t i = 0; i < count; ++i) {
            const PlanParticipant& one = plan_.participants()[i];
            picture_.box(left(i), y_, column_ - gap, head_height - gap, "#f6f8fa");
            picture_.text(left(i) + 14, y_ + 24, short_name(one.name), {.bold = true});
            picture_.text(left(i) + 14, y_ + 44, need(one), {.size = 11, .fill = faint});
            if (i + 1 < count)
                picture_.stroke(fmt::format("M{} {}l5 5l-5 5", left(i + 1) - gap - 12, y_ + 15), faint);
        }
        picture_.text(margin + 12, y_ + 44, "memory", {.size = 11, .fill = faint});
        picture_.text(width_ - margin - 12, y_ + 44, "cost", {.size = 11, .fill = faint, .anchor = "end"});
        y_ += head_height;
    }
    static std::string_view need(const PlanParticipant& one) {
        return one.needs_contiguous == Answer::yes  ? "needs contiguous memory"
               : one.only_own                       ? "takes only its own memory"
               : one.needs_contiguous == Answer::no ? "any memory, scattered too"
                                                    : "contiguous or not: unknown";
    }

    void row(const PlanCandidate& candidate) {
        const bool chosen = is_used(plan_, candidate);
        if (chosen)
            picture_.box(margin, y_, width_ - 2 * margin, row_height, "#f0fff4", "#1a7f37");
        picture_.text(margin + 12, y_ + 24, candidate.name, {.bold = chosen});
        for (std::size_t i = 0; i < candidate.cells.size(); ++i)
            cell(candidate.cells[i], left(i));
        picture_.text(width_ - margin - 12, y_ + 24,
                      candidate.preferred ? "preferred" : std::to_string(candidate.properties.cost),
                      {.fill = faint, .anchor = "end"});
        y_ += row_height + gap;
    }

    void cell(const PlanCell& cell, int x) {
        const Colours colours = colours_of(cell.verdict);
        const Finding finding = look_at(cell, reasons_);
        picture_.box(x, y_ + gap, column_ - gap, row_height - 2 * gap, colours.fill);
        picture_.sign(x + 14, y_ + 19, cell.verdict);
        const std::string_view words = cell.verdict == Verdict::accepted  ? cell.recipe.use
                                       : !finding.code.empty()            ? std::string_view(finding.code)
                                       : cell.verdict == Verdict::refused ? "refused"
                                                                          : "not known";
        picture_.text(x + 36, y_ + 24, words, {.fill = colours.ink});
        if (finding.reason)
            picture_.number(x + column_ - gap - 32, y_ + 23, finding.reason, colours.ink);
    }

    // What was found out of each, and every reason by its number.
    void findings() {
        const auto lines = [&](int x, const std::string& text) {
            for (const std::string& line : lines_of(text, width_ - margin - x)) {
                picture_.text(x, y_, line, {.size = 12});
                y_ += line_height;
            }
            y_ += 6;
        };
        y_ += 26;
        for (const std::string& remark : remarks(plan_))
            lines(margin + 12, remark);
        for (std::size_t i = 0; i < reasons_.texts().size(); ++i) {
            picture_.number(margin + 12, y_, i + 1, faint);
            lines(margin + 48, reasons_.texts()[i]);
        }
    }

    const Plan& plan_;
    Picture picture_;
    Reasons reasons_;
    int column_ = least_column, names_ = name_width, width_ = 0, y_ = 0;
};

} // namespace

std::string to_svg(const Plan& plan) {
    return Drawing(plan).draw();
}

} // namespace hwalloc::tools
