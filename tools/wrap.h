// Text for a terminal of so many columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hwalloc::tools {

// How many columns text takes: bytes that continue a character of UTF-8, and colours, take none.
std::size_t width_of(std::string_view text);

// `text`, which is one line, in lines of at most `columns`: broken between words, and within one that is
// longer than a line. The lines after the first begin with `indent` spaces, which count.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns, std::size_t indent = 0);

// How far the lines of a paragraph hang: behind its own indent, and behind a mark such as "[1] ".
std::size_t hanging_indent(std::string_view line);

} // namespace hwalloc::tools
