#include "hwalloc/unique_fd.h"

#include "common/kernel.h"

namespace hwalloc {

void UniqueFd::reset(int fd) noexcept {
    if (fd == fd_)
        return;
    const int old = std::exchange(fd_, fd);
    // EINTR from close(2) on Linux means closed all the same (man 2 close); a second try could close a
    // stranger's fd.
    if (old >= 0)
        kernel.close(old);
}

} // namespace hwalloc
