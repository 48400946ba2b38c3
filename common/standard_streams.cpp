#include "common/standard_streams.h"

#include <fcntl.h>

#include "common/kernel.h"

namespace hwalloc {

int move_above_standard_streams(int fd) noexcept {
    const int moved = kernel.fcntl(fd, F_DUPFD_CLOEXEC, first_free_fd);
    kernel.close(fd);
    return moved;
}

} // namespace hwalloc
