// Memory with a descriptor and no file system: memfd, sealed so that nobody can make it smaller under a
// mapping.
#pragma once

#include <cstddef>

#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {

// A memfd of exactly `size` bytes (a page multiple), zero, O_CLOEXEC, sealed with F_SEAL_SHRINK and
// F_SEAL_GROW: whoever maps it cannot be made to fault by somebody who truncates it. `name` is what
// /proc/PID/maps and /proc/PID/fd show ("memfd:NAME"); the kernel takes 249 bytes of it. Errors: limit
// (size; RLIMIT_FSIZE, which would be a signal), and what the kernel answers.
Result<UniqueFd> make_sealed_memfd(const char* name, std::size_t size) noexcept;

} // namespace hwalloc
