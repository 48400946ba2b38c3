// Descriptors that other libraries open and keep.
#pragma once

#include <fcntl.h>

#include "common/kernel.h"
#include "common/standard_streams.h"

namespace hwalloc {

// Takes the numbers of standard streams that are closed, for as long as it lives: what another library opens
// meanwhile gets none of them (common/standard_streams.h says why). Where there is no descriptor left, or no
// /dev/null, it takes none.
class TakenStreams {
public:
    TakenStreams() noexcept {
        const int source = kernel.open("/dev/null", O_RDWR | O_CLOEXEC);
        if (source < 0)
            return;
        int next = kernel.fcntl(source, F_DUPFD_CLOEXEC, 0);
        for (; next >= 0 && next < first_free_fd; next = kernel.fcntl(source, F_DUPFD_CLOEXEC, 0))
            taken_[next] = true;
        if (next >= 0)
            kernel.close(next);
        kernel.close(source);
    }
    ~TakenStreams() {
        for (int fd = 0; fd < first_free_fd; ++fd)
            if (taken_[fd])
                kernel.close(fd);
    }
    TakenStreams(const TakenStreams&) = delete;
    TakenStreams& operator=(const TakenStreams&) = delete;

private:
    bool taken_[first_free_fd] = {};
};

} // namespace hwalloc
