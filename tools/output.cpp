#include "tools/output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "hwalloc/inventory.h"
#include "tools/wrap.h"

namespace hwalloc::tools {
namespace {

// How wide a terminal is; 80 where it does not tell; without limit for anything but a terminal.
std::size_t columns_of(int fd) {
    if (::isatty(fd) != 1)
        return SIZE_MAX;
    winsize window{};
    return ::ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_col ? window.ws_col : 80;
}

// Every line of `text`, wrapped.
std::string fitted(std::string_view text, std::size_t columns) {
    if (columns == SIZE_MAX)
        return std::string(text);
    std::string whole;
    for (bool more = true; more;) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        for (const std::string& part : wrapped(line, columns, hanging_indent(line)))
            whole.append(whole.empty() ? "" : "\n").append(part);
        more = end != text.npos;
        text.remove_prefix(more ? end + 1 : text.size());
        if (more && text.empty())
            whole.append("\n"), more = false;
    }
    return whole;
}

constexpr std::size_t least_column = 8;

// The longest word of a column.
std::size_t longest_word(std::string_view text) {
    std::size_t longest = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        longest = std::max(longest, width_of(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return longest;
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

// What every document begins with.
Json head() {
    utsname machine{};
    ::uname(&machine);
    return {{"version", version()},
            {"kernel", fmt::format("{} {}", machine.sysname, machine.release)},
            {"machine", machine.machine},
            {"page_size", ::sysconf(_SC_PAGESIZE)}};
}

// Bytes that are not UTF-8 (a device's name) are replaced: the document stays valid.
void write_document(const Json& document) {
    Json whole = head();
    whole.update(document);
    write(stdout, whole.dump(2, ' ', false, Json::error_handler_t::replace));
    write(stdout, "\n");
}

// Of a code that has no name: the number.
Json name_or_number(std::string_view name, int code) {
    return name.empty() ? Json(std::to_string(code)) : Json(name);
}

// The same as text for people: what is not UTF-8, as a device's name may be, is replaced.
std::string readable(std::string_view text) {
    return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

} // namespace

Output::Output(bool json)
    : json_(json)
    , colours_(!json && wants_colours())
    , columns_(json ? SIZE_MAX : columns_of(STDOUT_FILENO)) {}

void Output::print(const Json& document) {
    write_document(document);
}

void Output::line(std::string_view text) const {
    write(stdout, fitted(text, columns_));
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

// Columns as wide as what is in them; in a terminal that is too narrow for that the last one is wrapped,
// where sentences are, then the space between them shrinks, then the widest are wrapped.
std::vector<std::size_t> Output::widths_of(const Table& table, std::size_t& gap) const {
    std::vector<std::size_t> widths;
    for (const std::string& title : table.head_)
        widths.push_back(width_of(title));
    std::size_t last_word = longest_word(table.head_.back());
    for (const auto& row : table.rows_) {
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row[i].text));
        last_word = std::max(last_word, longest_word(row.back().text));
    }
    gap = 2;
    const auto too_wide = [&]() -> std::size_t {
        const std::size_t whole =
            std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + gap * (widths.size() - 1);
        return whole > columns_ ? whole - columns_ : 0;
    };
    if (const std::size_t over = too_wide()) {
        constexpr std::size_t readable = 30;
        const std::size_t least = std::max(last_word, std::min(widths.back(), readable));
        const bool sentences = widths.back() > 2 * readable;
        const std::size_t limit = sentences ? readable : std::min(least, last_word);
        widths.back() -= std::min(over, widths.back() - std::min(widths.back(), limit));
    }
    if (too_wide())
        gap = 1;
    while (too_wide()) {
        const auto widest = std::max_element(widths.begin(), widths.end());
        if (*widest <= least_column)
            break;
        --*widest;
    }
    return widths;
}

void Output::table(const Table& table) {
    std::size_t gap = 0;
    const std::vector<std::size_t> widths = widths_of(table, gap);
    const auto print_row = [&](const auto& cells, auto text, auto style) {
        std::vector<std::vector<std::string>> columns;
        std::size_t height = 1;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            columns.push_back(wrapped(text(cells[i]), widths[i]));
            height = std::max(height, columns.back().size());
        }
        for (std::size_t at = 0; at < height; ++at) {
            std::string whole;
            std::size_t owed = 0; // spaces, written only when something follows
            for (std::size_t i = 0; i < columns.size(); ++i) {
                const std::string shown = at < columns[i].size() ? columns[i][at] : std::string();
                if (!shown.empty()) {
                    whole.append(owed, ' ').append(styled(shown, style(cells[i])));
                    owed = 0;
                }
                owed += widths[i] - std::min(widths[i], width_of(shown)) + gap;
            }
            write(stdout, whole);
            write(stdout, "\n");
        }
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
        Json object = to_json(Error(ErrorKind::invalid, "reading the command line")
                                  .doing(message)
                                  .remedy(help + " tells what there is"));
        object["kind"] = "usage"; // of the command, which the library does not know
        object["message"] = message;
        object["operation"] = "reading the command line";
        write_document({{"error", std::move(object)}});
    } else {
        note(fmt::format("{}\nTry {}.", message, help));
    }
    return usage;
}

void Output::note(std::string_view text) {
    std::fflush(stdout); // so that the two stay in order where they share a terminal
    write(stderr, fitted(fmt::format("hwalloc: {}", readable(text)), columns_of(STDERR_FILENO)));
    write(stderr, "\n");
}

bool Output::flush() {
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

Json text_or_null(std::string_view text) {
    return text.empty() ? Json() : Json(text);
}

Json to_json(const Error& error) {
    Json causes = Json::array();
    for (const Error& cause : error.causes())
        causes.push_back(to_json(cause));
    const bool system = error.domain() == ErrorDomain::system, vulkan = error.domain() == ErrorDomain::vulkan;
    const auto size = [](std::uint64_t bytes) { return bytes ? Json(bytes) : Json(); };
    return {{"kind", to_string(error.kind())},
            {"message", error.message()},
            {"operation", text_or_null(error.operation())},
            {"device", text_or_null(error.device())},
            {"call", text_or_null(error.call())},
            {"errno", system ? name_or_number(errno_name(error.code()), error.code()) : Json()},
            {"vk_result", vulkan ? name_or_number(vk_result_name(error.code()), error.code()) : Json()},
            {"size_wanted", size(error.size_wanted())},
            {"size_held", size(error.size_held())},
            {"remedy", text_or_null(error.remedy())},
            {"mend", text_or_null(error.mend())},
            {"causes", std::move(causes)}};
}

std::string in_a_line(const Error& error) {
    const std::string message = error.message();
    return message.substr(0, message.find('\n'));
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
