// Small files of /proc, /sys and /etc, through the kernel table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hwalloc/result.h"

namespace hwalloc {

// The first `limit` bytes of a regular file, or of /dev/null, which is empty. Does not wait: a FIFO, a socket
// or another device in its place is refused. Errors: invalid (refused), what the kernel answers, exhausted.
Result<std::string> read_file(const char* path, std::size_t limit = 1 << 20) noexcept;

// The decimal number that `text` begins with; nothing, when it begins with none or it does not fit.
std::optional<std::uint64_t> leading_number(std::string_view text) noexcept;

} // namespace hwalloc
