// An ioctl that is made again where the kernel says so.
#pragma once

#include <cstdint>

#include "common/kernel.h"

namespace hwalloc {

inline constexpr std::int64_t usual_patience_ns = 1'000'000'000;

// For restarted_ioctl, when the first try answered `done`.
int restart_ioctl(int done, int fd, unsigned long request, void* argument, std::int64_t patience_ns) noexcept;

// ioctl(2), restarted on EINTR; on EAGAIN until `patience_ns` are over, with pauses. Returns what the last
// try answered: 0 or more, or a negative errno. Never allocates.
inline int restarted_ioctl(int fd, unsigned long request, void* argument,
                           std::int64_t patience_ns = usual_patience_ns) noexcept {
    const int done = kernel.ioctl(fd, request, argument);
    if (done >= 0) [[likely]]
        return done;
    return restart_ioctl(done, fd, request, argument, patience_ns);
}

} // namespace hwalloc
