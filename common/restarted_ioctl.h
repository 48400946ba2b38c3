// An ioctl that is made again where the kernel says so.
#pragma once

#include <cstdint>

namespace hwalloc {

// ioctl(2), restarted on EINTR; on EAGAIN until `patience_ns` are over, with pauses. Returns what the last
// try answered: 0 or more, or a negative errno. Never allocates.
inline constexpr std::int64_t usual_patience_ns = 1'000'000'000;
int restarted_ioctl(int fd, unsigned long request, void* argument,
                    std::int64_t patience_ns = usual_patience_ns) noexcept;

} // namespace hwalloc
