#include "tools/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace hwalloc::tools {
namespace {

// How many columns UTF-8 text takes: bytes that continue a character take none.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// https://no-color.org: any value but the empty one turns colours off.
bool wants_colours() {
    const char* no_color = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && !(no_color && *no_color) && terminal &&
           std::string_view(terminal) != "dumb";
}

void write(std::FILE* file, std::string_view text) {
    if (!text.empty())
        std::fwrite(text.data(), 1, text.size(), file);
}

// Bytes that are not UTF-8 (a device's name) are replaced: the document stays valid.
void write_document(const Json& document) {
    write(stdout, document.dump(2, ' ', false, Json::error_handler_t::replace));
    write(stdout, "\n");
}

// The same as text for people: what is not UTF-8 is replaced, whoever named a device so.
std::string readable(std::string_view text) {
    return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

} // namespace

Output::Output(bool json) : json_(json), colours_(!json && wants_colours()) {}

void Output::print(const Json& document) {
    write_document(document);
}

void Output::line(std::string_view text) {
    write(stdout, text);
    write(stdout, "\n");
}

std::string Output::styled(std::string_view text, Style style) const {
    const char* code = nullptr;
    switch (style) {
    case Style::plain:
        break;
    case Style::strong:
        code = "1";
        break;
    case Style::good:
        code = "32";
        break;
    case Style::bad:
        code = "31";
        break;
    case Style::warning:
        code = "33";
        break;
    case Style::faint:
        code = "2";
        break;
    }
    return colours_ && code ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

void Output::table(const Table& table) {
    std::vector<std::size_t> widths;
    for (const std::string& title : table.head_)
        widths.push_back(width(title));
    for (const auto& row : table.rows_)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width(row[i].text));

    const auto print_row = [&](const auto& cells, auto text, auto style) {
        std::string whole;
        std::size_t owed = 0; // spaces, written only when something follows
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const std::string& shown = text(cells[i]);
            if (!shown.empty()) {
                whole.append(owed, ' ').append(styled(shown, style(cells[i])));
                owed = 0;
            }
            owed += widths[i] - width(shown) + 2;
        }
        line(whole);
    };
    print_row(
        table.head_, [](const std::string& title) -> const std::string& { return title; },
        [](const std::string&) { return Style::strong; });
    for (const auto& row : table.rows_)
        print_row(
            row, [](const Cell& cell) -> const std::string& { return cell.text; },
            [](const Cell& cell) { return cell.style; });
}

int Output::fail(const Error& error) {
    if (json_)
        write_document({{"error", to_json(error)}});
    else
        note(error.message());
    return failure;
}

int Output::fail_usage(std::string_view message) {
    const std::string help = command_ ? fmt::format("`hwalloc {} --help`", command_) : "`hwalloc --help`";
    if (json_) {
        write_document({{"error",
                         {{"kind", "usage"},
                          {"message", message},
                          {"operation", "reading the command line"},
                          {"device", ""},
                          {"call", ""},
                          {"errno", nullptr},
                          {"remedy", help + " tells what there is"},
                          {"causes", Json::array()}}}});
    } else {
        note(fmt::format("{}\nTry {}.", message, help));
    }
    return usage;
}

void Output::note(std::string_view text) {
    std::fflush(stdout); // so that the two stay in order where they share a terminal
    write(stderr, fmt::format("hwalloc: {}\n", readable(text)));
}

bool Output::flush() {
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

Json to_json(const Error& error) {
    Json causes = Json::array();
    for (const Error& cause : error.causes())
        causes.push_back(to_json(cause));
    Json object{
        {"kind", to_string(error.kind())}, {"message", error.message()}, {"operation", error.operation()},
        {"device", error.device()},        {"call", error.call()},       {"errno", nullptr},
        {"remedy", error.remedy()},        {"causes", std::move(causes)}};
    if (error.domain() == ErrorDomain::system) {
        const auto name = errno_name(error.code());
        object["errno"] = name.empty() ? std::to_string(error.code()) : std::string(name);
    }
    if (error.domain() == ErrorDomain::vulkan)
        object["vk_result"] = error.code();
    if (!error.mend().empty())
        object["mend"] = error.mend();
    if (error.size_wanted())
        object["size_wanted"] = error.size_wanted();
    if (error.size_held())
        object["size_held"] = error.size_held();
    return object;
}

const char* to_text(Answer answer) {
    switch (answer) {
    case Answer::no:
        return "no";
    case Answer::yes:
        return "yes";
    case Answer::unknown:
        break;
    }
    return "unknown";
}

std::string counted(std::uint64_t count, std::string_view word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

} // namespace hwalloc::tools
