// A kernel with dma-bufs, for machines that have none: memfds that answer fstatfs, DMA_BUF_IOCTL_SYNC and
// DMA_BUF_SET_NAME as linux/drivers/dma-buf/dma-buf.c does. The real drivers are met in the lab
// (tests/device).
#pragma once

#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "common/kernel.h"
#include "hwalloc/unique_fd.h"
#include "tests/unit/kernel_override.h"

namespace hwalloc::testing {

class FakeDmaBufs {
public:
    FakeDmaBufs() {
        active = this;
        kernel.fstatfs = [](int fd, struct statfs* status) {
            const int done = real_kernel().fstatfs(fd, status);
            if (done == 0 && is_buffer(fd))
                status->f_type = 0x444d4142;
            return done;
        };
        kernel.ioctl = [](int fd, unsigned long request, void* argument) {
            return active->ioctl(fd, request, argument);
        };
    }
    ~FakeDmaBufs() { active = nullptr; }

    // A buffer as a driver would export it.
    static UniqueFd make(std::size_t size) {
        UniqueFd fd(::memfd_create("fake dma-buf", MFD_CLOEXEC));
        if (::ftruncate(fd.get(), static_cast<off_t>(size)) < 0)
            fd.reset();
        return fd;
    }
    // The same buffer with another access mode; a real one cannot be reopened, so this stands for one that
    // was made so.
    static UniqueFd reopened(const UniqueFd& fd, int flags) {
        return UniqueFd(::open(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), flags | O_CLOEXEC));
    }
    static bool is_buffer(int fd) {
        char target[64] = {};
        const std::string link = "/proc/self/fd/" + std::to_string(fd);
        return ::readlink(link.c_str(), target, sizeof(target) - 1) > 0 &&
               std::string(target).starts_with("/memfd:fake dma-buf");
    }

    std::vector<std::uint64_t> syncs; // the flags of every DMA_BUF_IOCTL_SYNC that succeeded
    int sync_calls = 0;               // all of them
    std::deque<int> sync_results;     // what the next ones answer; then 0
    std::vector<std::string> names;
    int name_result = 0;
    // What else the kernel can do.
    int (*other)(int fd, unsigned long request, void* argument) = nullptr;

    int ioctl(int fd, unsigned long request, void* argument) {
        if (request == DMA_BUF_IOCTL_SYNC && is_buffer(fd)) {
            ++sync_calls;
            const std::uint64_t flags = static_cast<dma_buf_sync*>(argument)->flags;
            if ((flags & ~std::uint64_t{7}) || (flags & 3) == 0)
                return -EINVAL;
            if (!sync_results.empty()) {
                const int result = sync_results.front();
                sync_results.pop_front();
                if (result < 0)
                    return result;
            }
            syncs.push_back(flags);
            return 0;
        }
        if (request == DMA_BUF_SET_NAME && is_buffer(fd)) {
            const std::string name = static_cast<const char*>(argument);
            if (name.size() > 31)
                return -EINVAL;
            names.push_back(name);
            return name_result;
        }
        if (other)
            return other(fd, request, argument);
        return real_kernel().ioctl(fd, request, argument);
    }

    static inline FakeDmaBufs* active = nullptr;

private:
    KernelOverride restore_;
};

// DMA_BUF_IOCTL_SYNC flags, as short words for expectations.
inline constexpr std::uint64_t start_r = 1, start_w = 2, start_rw = 3, end_r = 5, end_w = 6, end_rw = 7;

} // namespace hwalloc::testing
