// Descriptors that are none of the standard streams'.
#pragma once

namespace hwalloc {

// The first descriptor behind standard input, output and error: what F_DUPFD_CLOEXEC is given for a
// duplicate.
inline constexpr int first_free_fd = 3;

// In a process that was started with a standard stream closed, the kernel gives the stream's number to the
// next descriptor, and whatever the process then prints goes into a device or a buffer. So a descriptor that
// was just made is moved away from there. `fd`: a descriptor, which is closed if it is moved, or a negative
// errno. Returns a descriptor of 3 or more, closed on exec where it was moved, or a negative errno.
// Defined in common/kernel.cpp, whose table needs it for what it opens itself.
int move_above_standard_streams(int fd) noexcept;
inline int above_standard_streams(int fd) noexcept {
    return fd < 0 || fd >= first_free_fd ? fd : move_above_standard_streams(fd);
}

} // namespace hwalloc
