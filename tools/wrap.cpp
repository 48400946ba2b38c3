#include "tools/wrap.h"

#include <algorithm>

namespace hwalloc::tools {
namespace {

constexpr char escape = '\033'; // begins a colour, which ends with 'm'

bool continues(char c) {
    return (c & 0xc0) == 0x80;
}

// The byte behind the first `columns` columns of `text`.
std::size_t bytes_of(std::string_view text, std::size_t columns) {
    std::size_t at = 0;
    while (at < text.size()) {
        if (text[at] == escape) {
            at = std::min(text.find('m', at), text.size() - 1) + 1;
            continue;
        }
        if (columns == 0 && !continues(text[at]))
            break;
        columns -= !continues(text[at]);
        ++at;
    }
    return at;
}

} // namespace

std::size_t width_of(std::string_view text) {
    std::size_t columns = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == escape)
            at = std::min(text.find('m', at), text.size() - 1);
        else
            columns += !continues(text[at]);
    }
    return columns;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns, std::size_t indent) {
    indent = columns > 2 * indent ? indent : 0;
    std::vector<std::string> lines;
    std::string line(text.substr(0, std::min(text.find_first_not_of(' '), text.size())));
    text.remove_prefix(line.size());
    bool empty = true; // but for its indent
    const auto end_line = [&] {
        lines.push_back(line);
        line.assign(indent, ' ');
        empty = true;
    };
    while (!text.empty()) {
        const std::size_t spaces = std::min(text.find_first_not_of(' '), text.size());
        const std::size_t end = std::min(text.find(' ', spaces), text.size());
        std::string_view word = text.substr(spaces, end - spaces);
        text.remove_prefix(end);
        if (!empty && width_of(line) + spaces + width_of(word) > columns)
            end_line();
        if (!empty)
            line.append(spaces, ' ');
        while (width_of(line) + width_of(word) > columns) {
            const std::size_t room = columns > width_of(line) ? columns - width_of(line) : 1;
            std::size_t part = bytes_of(word, room);
            // Rather behind a slash or a hyphen than anywhere.
            if (const auto joint = word.substr(0, part).find_last_of("/-");
                joint != word.npos && joint >= part / 2)
                part = joint + 1;
            line.append(word.substr(0, part));
            word.remove_prefix(part);
            end_line();
        }
        line.append(word);
        empty = empty && word.empty();
    }
    if (!empty || lines.empty())
        lines.push_back(line);
    return lines;
}

std::size_t hanging_indent(std::string_view line) {
    std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const std::string_view rest = line.substr(indent);
    const std::size_t mark = rest.find(' ');
    if (mark != rest.npos && rest.find('[') < mark && rest.find(']') < mark)
        return indent + width_of(rest.substr(0, mark)) + 1;
    return indent + 2;
}

} // namespace hwalloc::tools
