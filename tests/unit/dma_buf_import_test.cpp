// The import of descriptors from elsewhere: what is refused, who owns what, and that nothing is left behind.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/dma_buf_fixture.h"
#include "tests/unit/fault_loop.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using DmaBufImport = DmaBufTest;

TEST_F(DmaBufImport, WhatIsNoDmaBufIsRefused) {
    const auto before = open_fds();
    const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const UniqueFd memfd(::memfd_create("plain", MFD_CLOEXEC));
    for (const int number : {file.get(), memfd.get(), -1, 100000}) {
        auto memory = import_dmabuf(number);
        ASSERT_FALSE(memory) << number;
        EXPECT_EQ(memory.error().kind(), ErrorKind::invalid) << memory.error().message();
    }
    auto path_only = FakeDmaBufs::reopened(fd, O_PATH);
    EXPECT_FALSE(import_dmabuf(path_only.get()));
}

TEST_F(DmaBufImport, WindowsOutsideTheRealBufferAreRefused) {
    const auto before = open_fds();
    const std::size_t huge = SIZE_MAX;
    for (const auto& [offset, length] : {std::pair{size, std::size_t{1}},
                                         {std::size_t{0}, size + 1},
                                         {huge, std::size_t{2}},
                                         {huge - 1, huge - 1},
                                         {std::size_t{1}, huge - 1},
                                         {size + 1, whole}}) {
        auto memory = import_dmabuf(fd.get(), offset, length);
        ASSERT_FALSE(memory) << offset << " " << length;
        EXPECT_EQ(memory.error().kind(), ErrorKind::invalid);
        EXPECT_EQ(memory.error().size_held(), size);
    }
    EXPECT_EQ(open_fds(), before);
    EXPECT_TRUE(import_dmabuf(fd.get(), size, 0));
    EXPECT_TRUE(import_dmabuf(fd.get(), size, whole));
}

TEST_F(DmaBufImport, TheCallersDescriptorStaysHisAndTheDuplicateIsClosedOnExec) {
    auto memory = import(fd);
    const int own = borrow_fd(*memory, FdKind::dmabuf)->fd;
    EXPECT_NE(own, fd.get());
    EXPECT_TRUE(::fcntl(own, F_GETFD) & FD_CLOEXEC);
    fd.reset();
    EXPECT_TRUE(memory->map(MapFlags::readwrite));
}

TEST_F(DmaBufImport, TakesDescriptorZero) {
    UniqueFd kept(::fcntl(0, F_DUPFD_CLOEXEC, 3));
    ASSERT_EQ(::dup3(fd.get(), 0, O_CLOEXEC), 0);
    EXPECT_TRUE(import_dmabuf(0));
    if (kept)
        ::dup2(kept.get(), 0);
    else
        ::close(0);
}

TEST_F(DmaBufImport, MakesNoMemoryAndCopiesElsewhereOnlyWhenTold) {
    auto memory = import(fd);
    auto copy = memory->copy();
    ASSERT_FALSE(copy);
    EXPECT_EQ(copy.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(copy.error().message(), HasSubstr("copy(offset, size, target)"));
    EXPECT_TRUE(memory->copy(0, whole, Allocator::find("sysmem")));
    EXPECT_FALSE(Allocator::find("dmabuf")->alloc(100));
    EXPECT_FALSE(import_dmabuf(fd.get(), 0, whole, MemoryFlags{1u << 15}));
}

TEST_F(DmaBufImport, MemoryOutlivesEveryOtherOwner) {
    auto memory = import(fd);
    fd.reset();
    auto share = memory->share(0, 100);
    memory.reset();
    ASSERT_TRUE(share);
    EXPECT_TRUE((*share)->map(MapFlags::read));
}

// Every call of import, map and unmap fails in turn.
TEST_F(DmaBufImport, NothingIsLeftWhenACallFails) {
    ASSERT_TRUE(import_dmabuf(fd.get())); // the library has started
    const auto use_it = [&]() -> Result<void> {
        fake.syncs.clear();
        auto memory = import_dmabuf(fd.get());
        return memory ? map_once(**memory, MapFlags::readwrite) : Result<void>(std::move(memory).error());
    };
    const auto look = [](const FaultRound& round) {
        if (round.failed.empty())
            return;
        ASSERT_FALSE(round.done) << round.failed;
        const std::string call = round.failed == "ioctl" ? "DMA_BUF_IOCTL_SYNC" : round.failed;
        EXPECT_NE(round.done.error().message().find(call), std::string::npos) << round.done.error().message();
    };
    EXPECT_EQ(fail_each_call(EIO, use_it, look).size(), 8u)
        << "dup, fstatfs, fstat, lseek, F_GETFL, mmap, START, END";
    EXPECT_THAT(fake.syncs, ElementsAre(start_rw, end_rw));
}

} // namespace
} // namespace hwalloc
