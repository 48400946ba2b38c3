// "memfd": seals, flags, names, and what is left when a call fails.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"
#include "tests/unit/fault_loop.h"
#include "tests/unit/kernel_override.h"

namespace hwalloc {
namespace {

using testing::KernelOverride;
using testing::KernelWatch;
using testing::open_fds;

Allocator& memfd() {
    return *Allocator::find("memfd");
}

TEST(Memfd, IsMappedForGoodAndSharesItsBytes) {
    auto memory = memfd().alloc(5000);
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE((*memory)->is_type("memfd"));
    EXPECT_EQ((*memory)->maxsize(), 5007u);
    auto lent = borrow_fd(**memory, FdKind::memfd);
    ASSERT_TRUE(lent);
    EXPECT_EQ(lent->size, 5000u);
    EXPECT_TRUE(lent->writable);
    EXPECT_FALSE(borrow_fd(**memory, FdKind::dmabuf));
    KernelWatch watch;
    {
        auto mapping = (*memory)->map(MapFlags::write);
        ASSERT_TRUE(mapping);
        mapping->data()[4999] = 42;
    }
    EXPECT_EQ(watch.log.size(), 0u) << "a map makes no system call";
    std::uint8_t byte = 0;
    ASSERT_EQ(::pread(lent->fd, &byte, 1, 4999), 1);
    EXPECT_EQ(byte, 42);
    EXPECT_EQ(::lseek(lent->fd, 0, SEEK_END) % ::sysconf(_SC_PAGESIZE), 0);
}

TEST(Memfd, CannotBeMadeSmallerOrLargerByAnybody) {
    auto memory = memfd().alloc(100);
    ASSERT_TRUE(memory);
    const int fd = borrow_fd(**memory, FdKind::memfd)->fd;
    EXPECT_EQ(::fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW), F_SEAL_SHRINK | F_SEAL_GROW);
    EXPECT_EQ(::ftruncate(fd, 0), -1);
    EXPECT_EQ(errno, EPERM);
}

TEST(Memfd, DescriptorIsClosedOnExecFromBirth) {
    auto memory = memfd().alloc(100);
    ASSERT_TRUE(memory);
    EXPECT_TRUE(::fcntl(borrow_fd(**memory, FdKind::memfd)->fd, F_GETFD) & FD_CLOEXEC);
    auto duplicate = export_fd(**memory, FdKind::memfd);
    ASSERT_TRUE(duplicate);
    EXPECT_TRUE(::fcntl(duplicate->get(), F_GETFD) & FD_CLOEXEC);
}

TEST(Memfd, IsNamedInProcByItsSize) {
    auto memory = memfd().alloc(12345);
    ASSERT_TRUE(memory);
    char target[PATH_MAX] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(borrow_fd(**memory, FdKind::memfd)->fd);
    ASSERT_GT(::readlink(link.c_str(), target, sizeof(target) - 1), 0);
    EXPECT_EQ(std::string(target), "/memfd:hwalloc:12345 (deleted)");
}

TEST(Memfd, RetriesWithoutNoexecSealWhereTheKernelDoesNotKnowIt) {
    KernelOverride restore;
    static std::vector<unsigned> seen;
    seen.clear();
    kernel.memfd_create = [](const char* name, unsigned flags) {
        seen.push_back(flags);
        return (flags & 0x8u) ? -EINVAL : real_kernel().memfd_create(name, flags);
    };
    auto memory = memfd().alloc(100);
    ASSERT_TRUE(memory) << memory.error().message();
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0], MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x8u);
    EXPECT_EQ(seen[1], MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

// With a standard stream closed its number is free, and whatever is printed would go into the memory.
TEST(Memfd, DescriptorsAreNoStandardStreams) {
    const int kept = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
    ::close(0);
    {
        auto memory = memfd().alloc(100);
        EXPECT_TRUE(memory);
        if (memory) {
            EXPECT_GE(borrow_fd(**memory, FdKind::memfd)->fd, 3);
            auto duplicate = export_fd(**memory, FdKind::memfd);
            EXPECT_TRUE(duplicate && duplicate->get() >= 3);
        }
        EXPECT_EQ(::fcntl(0, F_GETFD), -1) << "the stream's number is as free as before";
    }
    if (kept >= 0) {
        ::dup2(kept, 0);
        ::close(kept);
    }
}

TEST(Memfd, ADescriptorThatCannotBeMovedIsClosed) {
    ASSERT_TRUE(memfd().alloc(1));
    const int kept = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
    ::close(0);
    const auto before = open_fds();
    {
        KernelOverride restore;
        kernel.fcntl = [](int fd, int command, long argument) {
            return command == F_DUPFD_CLOEXEC ? -EMFILE : real_kernel().fcntl(fd, command, argument);
        };
        auto memory = memfd().alloc(100);
        EXPECT_FALSE(memory);
        EXPECT_NE(memory.error().message().find("ulimit -n"), std::string::npos) << memory.error().message();
    }
    EXPECT_EQ(open_fds(), before);
    if (kept >= 0) {
        ::dup2(kept, 0);
        ::close(kept);
    }
}

// The kernel would send SIGXFSZ, which ends the process.
TEST(Memfd, BeyondTheLimitOfFilesIsAnError) {
    ASSERT_TRUE(memfd().alloc(1));
    const auto before = open_fds();
    struct rlimit old {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit lower { .rlim_cur = page_size(), .rlim_max = old.rlim_max };
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &lower), 0);
    EXPECT_TRUE(memfd().alloc(1)) << "the limit itself is allowed";
    auto memory = memfd().alloc(2 * page_size());
    ::setrlimit(RLIMIT_FSIZE, &old);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::limit);
    EXPECT_EQ(memory.error().size_held(), page_size());
    EXPECT_NE(memory.error().message().find("ulimit -f"), std::string::npos) << memory.error().message();
    EXPECT_EQ(open_fds(), before);
}

TEST(Memfd, SizeZeroIsOneGranule) {
    auto memory = memfd().alloc(0);
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_EQ((*memory)->size(), 0u);
    EXPECT_EQ(::lseek(borrow_fd(**memory, FdKind::memfd)->fd, 0, SEEK_END), ::sysconf(_SC_PAGESIZE));
}

TEST(Memfd, RefusesAlignmentAboveAPageInWords) {
    auto memory = memfd().alloc(100, {.align = page_size() * 2 - 1});
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::unsupported);
    EXPECT_NE(memory.error().message().find(std::to_string(page_size())), std::string::npos);
    EXPECT_TRUE(memfd().alloc(100, {.align = page_size() - 1}));
}

TEST(Memfd, SizesThatDoNotFitAreLimits) {
    for (const std::size_t size : {SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2 + 1, SIZE_MAX - page_size()}) {
        auto memory = memfd().alloc(size);
        ASSERT_FALSE(memory);
        EXPECT_EQ(memory.error().kind(), ErrorKind::limit) << size;
    }
}

// Every call of an allocation fails in turn.
TEST(Memfd, NothingIsLeftWhenACallFails) {
    ASSERT_TRUE(memfd().alloc(1)); // the library has started
    const auto allocate = [] {
        auto memory = memfd().alloc(100);
        return memory ? Result<void>() : Result<void>(std::move(memory).error());
    };
    const auto look = [](const testing::FaultRound& round) {
        if (round.failed.empty())
            return;
        ASSERT_FALSE(round.done) << round.failed;
        EXPECT_EQ(round.done.error().kind(), ErrorKind::exhausted);
        EXPECT_NE(round.done.error().message().find(round.failed), std::string::npos)
            << round.done.error().message();
    };
    const std::vector<std::string> calls{"memfd_create", "ftruncate", "fcntl", "mmap"};
    EXPECT_EQ(testing::fail_each_call(ENOMEM, allocate, look), calls);
}

TEST(Memfd, NoAddressIsNoMapping) {
    ASSERT_TRUE(memfd().alloc(1));
    const auto before = open_fds();
    KernelOverride restore;
    kernel.mmap = [](std::size_t, int, int, int, off_t, void**) { return 0; };
    auto memory = memfd().alloc(100);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(open_fds(), before);
}

} // namespace
} // namespace hwalloc
