#include "common/restarted_ioctl.h"

#include <cerrno>

namespace hwalloc {

int restart_ioctl(int done, int fd, unsigned long request, void* argument,
                  std::int64_t patience_ns) noexcept {
    std::int64_t deadline = 0;
    for (unsigned tries = 0; done == -EINTR || done == -EAGAIN; ++tries) {
        if (done == -EAGAIN) {
            const std::int64_t now = kernel.monotonic_ns();
            if (deadline == 0)
                deadline = now + patience_ns;
            else if (now >= deadline)
                break;
            if (tries >= 4) // it is not over at once: let others work
                kernel.poll(nullptr, 0, 1);
        }
        done = kernel.ioctl(fd, request, argument);
    }
    return done;
}

} // namespace hwalloc
