// A process that was started without standard input, output and error: what it prints goes nowhere, and not
// into memory.
#include <fcntl.h>
#include <unistd.h>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/inventory.h"
#include "tests/process/case.h"

int main() {
    const int report = ::fcntl(2, F_DUPFD_CLOEXEC, 10);
    for (const int fd : {0, 1, 2})
        ::close(fd);
    const auto check = [&](bool holds, const char* what) {
        if (holds)
            return;
        ::dup2(report, 2);
        hwalloc::process::fail(__FILE__, __LINE__, what);
    };
    auto memory = hwalloc::Allocator::find("memfd")->alloc(4096);
    check(memory.has_value(), "memory");
    auto lent = hwalloc::borrow_fd(**memory, hwalloc::FdKind::memfd);
    auto duplicate = hwalloc::export_fd(**memory, hwalloc::FdKind::memfd);
    check(lent && lent->fd >= 3, "the lent descriptor is no standard stream");
    check(duplicate && duplicate->get() >= 3, "the exported descriptor is no standard stream");
    (void)hwalloc::inventory();
    std::printf("a line that belongs on standard output\n");
    std::fflush(stdout);
    auto mapping = (*memory)->map(hwalloc::MapFlags::read);
    check(mapping.has_value(), "a map");
    for (std::size_t i = 0; i < mapping->size(); ++i)
        check(mapping->data()[i] == 0, "nothing was printed into the memory");
    // Nothing that stays open has taken a stream's number: the next descriptor does.
    check(::open("/dev/null", O_RDONLY) == 0, "the numbers are as free as before");
}
