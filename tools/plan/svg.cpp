// The matrix as a picture: SVG, so that it can be read at any size and its text be searched.
#include <fmt/format.h>

#include <algorithm>

#include "tools/plan/report.h"

namespace hwalloc::tools {
namespace {

constexpr int margin = 24, row_height = 34, line_height = 20, name_width = 230, least_width = 190;
constexpr int characters = 128; // of a reason's line

// XML has no other way to say these, and none at all for control characters.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '&')
            out += "&amp;";
        else if (c == '"')
            out += "&quot;";
        else
            out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return out;
}

const char* colour_of(Style style) {
    return style == Style::good ? "#c9ecd2" : style == Style::bad ? "#f6c9c4" : "#f8e7b5";
}

// Breaks at spaces.
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines{""};
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find_first_of(" \n", at), text.size());
        const std::string word = text.substr(at, end - at);
        if (!lines.back().empty() && lines.back().size() + 1 + word.size() > characters)
            lines.emplace_back();
        lines.back() += (lines.back().empty() ? "" : " ") + word;
        at = end + 1;
    }
    return lines;
}

class Picture {
public:
    void text(int x, int y, std::string_view words, std::string_view attributes = {}) {
        body_ += fmt::format("<text x=\"{}\" y=\"{}\"{}{}>{}</text>\n", x, y, attributes.empty() ? "" : " ",
                             attributes, escaped(words));
        bottom_ = std::max(bottom_, y);
    }
    void box(int x, int y, int width, std::string_view fill, bool chosen) {
        body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"{}\" "
                             "stroke-width=\"{}\"/>\n",
                             x, y, width, row_height, fill, chosen ? "#1d6b35" : "#ffffff", chosen ? 2 : 1);
    }
    std::string done(int width) const {
        return fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 "
            "{0} {1}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#1c1c1c\">\n"
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{2}</svg>\n",
            width, bottom_ + margin, body_);
    }

private:
    std::string body_;
    int bottom_ = 0;
};

} // namespace

std::string to_svg(const Plan& plan) {
    Picture picture;
    Reasons reasons;
    constexpr std::string_view bold = "font-weight=\"bold\"";
    int y = margin + line_height;
    for (const std::string& line : lines_of(headline(plan))) {
        picture.text(margin, y, line, "font-size=\"17\" font-weight=\"bold\"");
        y += line_height + 4;
    }
    y += 8;
    int column = least_width;
    for (const PlanParticipant& one : plan.participants())
        column = std::max(column, 16 + 8 * static_cast<int>(short_name(one.name).size()));
    const auto left = [&](std::size_t i) { return margin + name_width + static_cast<int>(i) * column; };
    for (std::size_t i = 0; i < plan.participants().size(); ++i)
        picture.text(left(i) + 8, y, short_name(plan.participants()[i].name), bold);
    y += 10;
    for (const PlanCandidate& candidate : plan.candidates()) {
        const bool chosen = &candidate == plan.choice();
        picture.text(margin, y + 22, candidate.name, chosen ? bold : std::string_view());
        for (std::size_t i = 0; i < candidate.cells.size(); ++i) {
            const Cell cell = in_words(candidate.cells[i], reasons);
            picture.box(left(i), y, column, colour_of(cell.style), chosen);
            picture.text(left(i) + 8, y + 22, cell.text);
        }
        y += row_height;
    }
    y += line_height;
    for (const std::string& remark : remarks(plan))
        for (const std::string& line : lines_of(remark)) {
            picture.text(margin, y, line, "font-size=\"12\"");
            y += line_height - 3;
        }
    for (std::size_t i = 0; i < reasons.texts().size(); ++i)
        for (const std::string& line : lines_of(fmt::format("[{}] {}", i + 1, reasons.texts()[i]))) {
            picture.text(margin, y, line, "font-size=\"12\"");
            y += line_height - 3;
        }
    const int matrix = left(plan.participants().size()) + margin;
    return picture.done(std::max(matrix, 2 * margin + 7 * characters));
}

} // namespace hwalloc::tools
