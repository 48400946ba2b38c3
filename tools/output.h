// How the commands speak: tables and lines for people, or one JSON document for programs.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/capabilities.h"
#include "hwalloc/error.h"

namespace hwalloc::tools {

// Keeps the keys in the order they were written.
using Json = nlohmann::ordered_json;

enum ExitCode : int { ok = 0, failure = 1, usage = 2 };

// Shown as a colour on a terminal; the words alone must say it too.
enum class Style { plain, strong, good, bad, warning, faint };

struct Cell {
    std::string text;
    Style style = Style::plain;
};

class Table {
public:
    explicit Table(std::vector<std::string> head) : head_(std::move(head)) {}
    // One cell for each column.
    void row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }

private:
    friend class Output;
    std::vector<std::string> head_;
    std::vector<std::vector<Cell>> rows_;
};

// Writes to standard output; what people are told about errors goes to standard error. With --json, standard
// output gets exactly one document, and that has the error object when the command failed. Each begins with
// the versions and the machine.
class Output {
public:
    explicit Output(bool json);

    bool json() const noexcept { return json_; }

    // The command's one document, without its beginning. Only with json().
    void print(const Json& document);
    // For people, wrapped to the width of a terminal. Not with json().
    void line(std::string_view text = {}) const;
    void table(const Table& table);
    // `text` in the style's colour where the reader's terminal shows colours.
    std::string styled(std::string_view text, Style style) const;
    // Tells about the error, and returns the exit code for it: `return out.fail(result.error());`
    int fail(const Error& error);
    // Points at the help of the command in use.
    int fail_usage(std::string_view message);
    // Which command that is; static text.
    void set_command(const char* name) noexcept { command_ = name; }
    // Something noteworthy beside the command's answer, to standard error, with or without --json.
    void note(std::string_view text);

    // Writes out what is buffered. False when that, or anything before, did not reach its reader (a full
    // disk).
    bool flush();

private:
    std::vector<std::size_t> widths_of(const Table& table, std::size_t& gap) const;

    bool json_;
    bool colours_;
    std::size_t columns_; // of the terminal; no limit elsewhere
    const char* command_ = nullptr;
};

// As docs/schemas/common.json has it: always all members, null where something is not known.
Json to_json(const Error& error);
// What is empty is null in documents.
Json text_or_null(std::string_view text);

// The error's message without its causes.
std::string in_a_line(const Error& error);

// "yes", "no", "unknown".
const char* to_text(Answer answer);

// "1 byte", "614400 bytes": a count with its word.
std::string counted(std::uint64_t count, std::string_view word);

} // namespace hwalloc::tools
