// Two dma-bufs with one inode number, as kernels before 5.19 can make them; and a descriptor whose number
// became another file's.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "common/dma_buf.h"
#include "common/same_open_file.h"
#include "tests/unit/dma_buf_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;

// Every dma-buf has inode number 77.
class DmaBufNumber : public DmaBufTest {
protected:
    DmaBufNumber() {
        kernel.fstat = [](int number, struct stat* status) {
            const int done = real_kernel().fstat(number, status);
            if (done == 0 && FakeDmaBufs::is_buffer(number))
                status->st_ino = 77;
            return done;
        };
    }
    // A kernel or a sandbox that does not compare open files.
    static void compares_nothing() {
        kernel.compare_files = [](int, int) { return -EPERM; };
        kernel.fcntl = [](int number, int command, long argument) {
            return command == 1027 ? -EINVAL : real_kernel().fcntl(number, command, argument);
        };
    }
    // One that compares by kcmp(2) alone.
    static void compares_by_kcmp() {
        kernel.fcntl = [](int number, int command, long argument) {
            return command == 1027 ? -EINVAL : real_kernel().fcntl(number, command, argument);
        };
    }
    static void write(Memory& memory, std::uint8_t value) {
        auto mapping = memory.map(MapFlags::write);
        ASSERT_TRUE(mapping);
        mapping->data()[0] = value;
    }
    static int read(Memory& memory) {
        auto mapping = memory.map(MapFlags::read);
        return mapping ? mapping->data()[0] : -1;
    }
    static bool comparing_works(int number) {
        const UniqueFd copy(::fcntl(number, F_DUPFD_CLOEXEC, 0));
        return same_open_file(number, copy.get()) == SameOpenFile::yes;
    }
};

TEST_F(DmaBufNumber, OfTwoBuffersGivesEachItsOwnBytes) {
    if (!comparing_works(fd.get()))
        GTEST_SKIP() << "this kernel, or a sandbox, does not compare open files";
    for (auto* kernel_can : {+[] {}, &compares_by_kcmp}) {
        kernel_can();
        if (!comparing_works(fd.get()))
            continue; // no kcmp here
        const UniqueFd other = FakeDmaBufs::make(size);
        auto first = import(fd), second = import(other);
        write(*first, 1);
        write(*second, 2);
        EXPECT_EQ(read(*first), 1);
        EXPECT_EQ(read(*second), 2);
        UniqueFd duplicate(::fcntl(other.get(), F_DUPFD_CLOEXEC, 0));
        auto again = import(duplicate);
        EXPECT_EQ(again->block().extension<HasDmaBuf>()->dma_buf().get(),
                  second->block().extension<HasDmaBuf>()->dma_buf().get())
            << "one buffer is one object";
    }
}

TEST_F(DmaBufNumber, AndSizeDecideWhereOpenFilesAreNotCompared) {
    compares_nothing();
    const UniqueFd larger = FakeDmaBufs::make(2 * size), duplicate(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    auto a = DmaBuf::import(fd.get()), b = DmaBuf::import(larger.get()), c = DmaBuf::import(duplicate.get());
    ASSERT_TRUE(a && b && c);
    EXPECT_NE(a->get(), b->get());
    EXPECT_EQ(a->get(), c->get());
}

// ---- what is exported

class DmaBufLent : public DmaBufTest {};

TEST_F(DmaBufLent, ANumberThatIsAnotherFileByNowIsNotExported) {
    auto memory = import(fd);
    auto lent = borrow_fd(*memory, FdKind::dmabuf);
    ASSERT_TRUE(lent);
    ASSERT_TRUE(export_fd(*memory, FdKind::dmabuf));
    const UniqueFd original(::fcntl(lent->fd, F_DUPFD_CLOEXEC, 0)),
        other = FakeDmaBufs::make(4096), plain(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
        file(::memfd_create("of the same number", MFD_CLOEXEC));
    static ino_t number;
    number = static_cast<ino_t>((*DmaBuf::import(fd.get()))->inode());
    for (const UniqueFd* strange : {&other, &plain, &file}) {
        if (strange == &file)
            kernel.fstat = [](int number_of_file, struct stat* status) {
                const int done = real_kernel().fstat(number_of_file, status);
                status->st_ino = number;
                return done;
            };
        ASSERT_EQ(::dup3(strange->get(), lent->fd, O_CLOEXEC), lent->fd);
        auto exported = export_fd(*memory, FdKind::dmabuf);
        ASSERT_FALSE(exported);
        EXPECT_EQ(exported.error().kind(), ErrorKind::invalid);
        EXPECT_NE(exported.error().message().find("borrow_fd"), std::string::npos);
    }
    ::close(lent->fd);
    auto exported = export_fd(*memory, FdKind::dmabuf);
    ASSERT_FALSE(exported);
    EXPECT_EQ(exported.error().kind(), ErrorKind::invalid);
    ASSERT_EQ(::dup3(original.get(), lent->fd, O_CLOEXEC), lent->fd);
    EXPECT_TRUE(export_fd(*memory, FdKind::dmabuf));
}

TEST(MemfdLent, ANumberThatIsAnotherFileByNowIsNotExported) {
    auto memory = Allocator::find("memfd")->alloc(100);
    ASSERT_TRUE(memory);
    auto lent = borrow_fd(**memory, FdKind::memfd);
    ASSERT_TRUE(lent);
    const UniqueFd original(::fcntl(lent->fd, F_DUPFD_CLOEXEC, 0)),
        plain(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    auto other_memory = Allocator::find("memfd")->alloc(100);
    ASSERT_TRUE(other_memory);
    auto other = export_fd(**other_memory, FdKind::memfd);
    ASSERT_TRUE(other);
    for (const int strange : {plain.get(), other->get()}) {
        ASSERT_EQ(::dup3(strange, lent->fd, O_CLOEXEC), lent->fd);
        auto exported = export_fd(**memory, FdKind::memfd);
        ASSERT_FALSE(exported);
        EXPECT_EQ(exported.error().kind(), ErrorKind::invalid);
    }
    ASSERT_EQ(::dup3(original.get(), lent->fd, O_CLOEXEC), lent->fd);
    EXPECT_TRUE(export_fd(**memory, FdKind::memfd));
}

// A file of another file system that has the same number there.
TEST(MemfdLent, AFileOfTheSameInodeNumberElsewhereIsNotExported) {
    auto memory = Allocator::find("memfd")->alloc(100);
    ASSERT_TRUE(memory);
    auto lent = borrow_fd(**memory, FdKind::memfd);
    ASSERT_TRUE(lent);
    const KernelOverride restores;
    kernel.fstat = [](int fd, struct stat* status) {
        const int done = real_kernel().fstat(fd, status);
        ++status->st_dev;
        return done;
    };
    auto exported = export_fd(**memory, FdKind::memfd);
    ASSERT_FALSE(exported);
    EXPECT_EQ(exported.error().kind(), ErrorKind::invalid);
}

} // namespace
} // namespace hwalloc
