// A process that was started without some of standard input, output and error: what it prints goes nowhere,
// and not into memory or a device. Each set of them in a process of its own.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"
#include "tests/process/case.h"

namespace {

constexpr int all_sets = 8;

void use_without(int closed) {
    const int report = ::fcntl(2, F_DUPFD_CLOEXEC, 10);
    int first_closed = 3;
    for (const int fd : {2, 1, 0})
        if (closed >> fd & 1) {
            ::close(fd);
            first_closed = fd;
        }
    const auto check = [&](bool holds, const char* what) {
        if (holds)
            return;
        ::dup2(report, 2);
        std::fprintf(stderr, "closed: %d\n", closed);
        hwalloc::process::fail(__FILE__, __LINE__, what);
    };
    auto memory = hwalloc::Allocator::find("memfd")->alloc(4096);
    check(memory.has_value(), "memory");
    auto lent = hwalloc::borrow_fd(**memory, hwalloc::FdKind::memfd);
    auto duplicate = hwalloc::export_fd(**memory, hwalloc::FdKind::memfd);
    check(lent && lent->fd >= 3, "the lent descriptor is no standard stream");
    check(duplicate && duplicate->get() >= 3, "the exported descriptor is no standard stream");
    if (hwalloc::Allocator* const udmabuf = hwalloc::Allocator::find("udmabuf"))
        if (auto shared = udmabuf->alloc(4096)) {
            auto dma_buf = hwalloc::borrow_fd(**shared, hwalloc::FdKind::dmabuf);
            check(dma_buf && dma_buf->fd >= 3, "the dma-buf is no standard stream");
        }
    // Whatever may open a device, and keep it open.
    (void)hwalloc::inventory();
    auto monitor = hwalloc::DeviceMonitor::open({});
    check(!monitor || monitor->fd() < 0 || monitor->fd() >= 3,
          "the monitor's descriptor is no standard stream");
    std::printf("a line that belongs on standard output\n");
    std::fflush(stdout);
    std::fprintf(stderr, "a line that belongs on standard error\n");
    auto mapping = (*memory)->map(hwalloc::MapFlags::read);
    check(mapping.has_value(), "a map");
    check(
        std::all_of(mapping->data(), mapping->data() + mapping->size(), [](auto byte) { return byte == 0; }),
        "nothing was printed into the memory");
    // Nothing that stays open has taken a stream's number: the next descriptor does.
    const int next = ::open("/dev/null", O_RDONLY);
    check(first_closed == 3 ? next >= 3 : next == first_closed, "the numbers are as free as before");
}

} // namespace

int main() {
    for (int closed = 0; closed < all_sets; ++closed) {
        const pid_t child = ::fork(); // before the library is used
        REQUIRE(child >= 0);
        if (child == 0) {
            use_without(closed);
            ::_exit(0);
        }
        int status = -1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}
