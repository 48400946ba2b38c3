// Whether two descriptors are one open file (man 2 open, "open file description"), as duplicates are.
#pragma once

#include <cstdint>

namespace hwalloc {

enum class SameOpenFile : std::uint8_t {
    no,
    yes,
    unknown, // before Linux 6.10, where kcmp(2) is not built in (CONFIG_KCMP) or a sandbox forbids it
};

SameOpenFile same_open_file(int fd, int other) noexcept;

} // namespace hwalloc
