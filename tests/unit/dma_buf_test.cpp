// The dma-buf storage: identity, the one mapping, brackets of CPU access, and the import of foreign
// descriptors.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "common/dma_buf.h"
#include "hwalloc/allocator.h"
#include "hwalloc/dma_buf.h"
#include "tests/unit/fake_dma_buf.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t size = 16384;

MemoryRef import(const UniqueFd& fd) {
    auto memory = import_dmabuf(fd.get());
    EXPECT_TRUE(memory) << memory.error().message();
    return memory ? std::move(*memory) : MemoryRef();
}

class DmaBufTest : public ::testing::Test {
protected:
    FakeDmaBufs fake;
    UniqueFd fd = FakeDmaBufs::make(size);
};

// ---- SYNC itself

using DmaBufSync = DmaBufTest;

TEST_F(DmaBufSync, BracketsEachAccessWithTheLeastDirection) {
    auto memory = import(fd);
    for (auto access : {MapFlags::read, MapFlags::write, MapFlags::readwrite})
        EXPECT_TRUE(memory->map(access));
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r, start_w, end_w, start_rw, end_rw));
}

TEST_F(DmaBufSync, OnlyTheOutermostMapBrackets) {
    auto memory = import(fd);
    auto outer = memory->map(MapFlags::readwrite);
    auto read = memory->map(MapFlags::read);
    auto write = memory->map(MapFlags::write);
    EXPECT_THAT(fake.syncs, ElementsAre(start_rw));
    ASSERT_TRUE(outer->unmap()); // out of order
    ASSERT_TRUE(read->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_rw));
    ASSERT_TRUE(write->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_rw, end_rw));
}

TEST_F(DmaBufSync, AShareBracketsWithItsRoot) {
    auto memory = import(fd);
    auto share = memory->share(4096, 4096);
    ASSERT_TRUE(share);
    auto whole_map = memory->map(MapFlags::read);
    auto part = (*share)->map(MapFlags::read);
    ASSERT_TRUE(whole_map && part);
    EXPECT_EQ(part->data(), whole_map->data() + 4096);
    ASSERT_TRUE(whole_map->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r));
    ASSERT_TRUE(part->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
}

// Two imports of one buffer are two memories with one state.
TEST_F(DmaBufSync, TwoImportsBracketOnce) {
    auto a = import(fd), b = import(fd);
    auto map_a = a->map(MapFlags::read);
    auto map_b = b->map(MapFlags::read);
    ASSERT_TRUE(map_a->unmap());
    ASSERT_TRUE(map_b->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
}

TEST_F(DmaBufSync, AWriterThatJoinsAReaderWidensAndTheEndHasTheUnion) {
    auto a = import(fd), b = import(fd);
    auto reading = a->map(MapFlags::read);
    auto writing = b->map(MapFlags::write);
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, start_w));
    ASSERT_TRUE(reading->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, start_w)) << "nothing ends while somebody writes";
    ASSERT_TRUE(writing->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, start_w, end_rw));
}

TEST_F(DmaBufSync, AWriterThatLeavesBeforeTheReaderHandsHisBytesOver) {
    auto a = import(fd), b = import(fd);
    auto reading = a->map(MapFlags::read);
    auto writing = b->map(MapFlags::write);
    ASSERT_TRUE(writing->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, start_w, end_w));
    ASSERT_TRUE(reading->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, start_w, end_w, end_r));
}

TEST_F(DmaBufSync, AReaderThatJoinsAWriterLosesNothingOfWhatWasWritten) {
    auto a = import(fd), b = import(fd);
    auto writing = a->map(MapFlags::write);
    auto reading = b->map(MapFlags::read);
    EXPECT_THAT(fake.syncs, ElementsAre(start_w, end_w, start_rw)) << "written out before READ starts";
    ASSERT_TRUE(writing->unmap());
    ASSERT_TRUE(reading->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_w, end_w, start_rw, end_w, end_r));
}

TEST_F(DmaBufSync, IsRetriedOnEintrAndEagain) {
    auto memory = import(fd);
    fake.sync_results = {-EINTR, -EAGAIN, -EINTR, -EAGAIN, 0, -EAGAIN, -EINTR, 0};
    auto mapping = memory->map(MapFlags::read);
    ASSERT_TRUE(mapping) << mapping.error().message();
    EXPECT_EQ(fake.sync_calls, 5);
    EXPECT_TRUE(mapping->unmap());
    EXPECT_EQ(fake.sync_calls, 8);
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
}

TEST_F(DmaBufSync, EagainIsBoundedByADeadline) {
    static std::int64_t now;
    now = 5;
    kernel.monotonic_ns = [] { return now; };
    kernel.poll = [](struct pollfd*, nfds_t, int timeout_ms) {
        now += std::int64_t{timeout_ms} * 1'000'000;
        return 0;
    };
    auto memory = import(fd);
    fake.sync_results.assign(5000, -EAGAIN);
    auto mapping = memory->map(MapFlags::read);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().kind(), ErrorKind::busy);
    EXPECT_EQ(mapping.error().code(), EAGAIN);
    EXPECT_GE(now, dma_buf::patience_ns);
    EXPECT_LT(now, 2 * dma_buf::patience_ns);
    fake.sync_results.clear();
    EXPECT_TRUE(memory->map(MapFlags::write)) << "a failed map leaves nothing behind";
    EXPECT_THAT(fake.syncs, ElementsAre(start_w, end_w));
}

TEST_F(DmaBufSync, AFailedStartIsNotEnded) {
    auto memory = import(fd);
    fake.sync_results = {-EIO};
    auto mapping = memory->map(MapFlags::write);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code(), EIO);
    EXPECT_NE(mapping.error().message().find("DMA_BUF_IOCTL_SYNC"), std::string::npos);
    EXPECT_EQ(fake.sync_calls, 1);
    EXPECT_TRUE(memory->map(MapFlags::read));
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
}

TEST_F(DmaBufSync, AFailedWideningLeavesTheReaderAsHeWas) {
    auto a = import(fd), b = import(fd);
    auto reading = a->map(MapFlags::read);
    fake.sync_results = {-ENOMEM};
    EXPECT_FALSE(b->map(MapFlags::write));
    ASSERT_TRUE(reading->unmap());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
}

TEST_F(DmaBufSync, AReaderThatCannotJoinLeavesTheWriterBracketed) {
    auto a = import(fd), b = import(fd);
    {
        auto writing = a->map(MapFlags::write);
        fake.sync_results = {-ENOMEM}; // END
        EXPECT_FALSE(b->map(MapFlags::read));
        fake.sync_results = {0, -ENOMEM}; // END, START
        EXPECT_FALSE(b->map(MapFlags::read));
    }
    EXPECT_THAT(fake.syncs, ElementsAre(start_w, end_w, start_w, end_w));
}

TEST_F(DmaBufSync, AFailedEndIsToldAndTheMapIsGone) {
    auto memory = import(fd);
    auto mapping = memory->map(MapFlags::write);
    fake.sync_results = {-EIO};
    auto ended = mapping->unmap();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind(), ErrorKind::device_lost);
    EXPECT_FALSE(*mapping);
    fake.syncs.clear();
    EXPECT_TRUE(memory->map(MapFlags::read));
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
}

TEST_F(DmaBufSync, EndsAfterMoveAssignment) {
    auto a = import(fd);
    auto other_fd = FakeDmaBufs::make(size);
    auto b = import(other_fd);
    {
        auto mapping = a->map(MapFlags::read);
        auto second = b->map(MapFlags::write);
        *mapping = std::move(*second);
        EXPECT_THAT(fake.syncs, ElementsAre(start_r, start_w, end_r));
    }
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, start_w, end_r, end_w));
}

TEST_F(DmaBufSync, EndsWhenALaterStepFails) {
    auto memory = import(fd);
    EXPECT_FALSE(memory->copy()) << "the allocator only imports";
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
}

TEST_F(DmaBufSync, EndWithoutBeginIsRefusedWithoutACall) {
    auto buffer = DmaBuf::import(fd.get());
    ASSERT_TRUE(buffer);
    auto ended = (*buffer)->end_cpu_access(MapFlags::read);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind(), ErrorKind::invalid);
    EXPECT_EQ(fake.sync_calls, 0);
    ASSERT_TRUE((*buffer)->begin_cpu_access(MapFlags::read));
    EXPECT_FALSE((*buffer)->end_cpu_access(MapFlags::readwrite));
    EXPECT_TRUE((*buffer)->end_cpu_access(MapFlags::read));
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
}

TEST_F(DmaBufSync, StaysPairedWhateverThreadsDo) {
    auto buffer = DmaBuf::import(fd.get());
    ASSERT_TRUE(buffer);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            auto memory = import_dmabuf(fd.get());
            ASSERT_TRUE(memory);
            for (unsigned i = 0; i < 500; ++i)
                EXPECT_TRUE((*memory)->map(MapFlags{1 + (i + static_cast<unsigned>(t)) % 3}));
        });
    for (auto& thread : threads)
        thread.join();
    // Replayed: nothing ends that is not open, and nothing stays open.
    std::uint64_t open = 0;
    for (const std::uint64_t flags : fake.syncs) {
        if (flags & DMA_BUF_SYNC_END) {
            EXPECT_EQ(flags & 3 & ~open, 0u);
            open &= ~(flags & 3);
        } else {
            EXPECT_EQ(flags & 3 & open, 0u);
            open |= flags & 3;
        }
    }
    EXPECT_EQ(open, 0u);
}

// ---- identity and the one mapping

using DmaBufIdentity = DmaBufTest;

TEST_F(DmaBufIdentity, TwoImportsAreOneBufferMappedOnce) {
    KernelWatch watch;
    auto a = import(fd);
    UniqueFd duplicate(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    auto b = import(duplicate);
    EXPECT_EQ(watch.count("mmap"), 0) << "mapped when it is first needed";
    for (int i = 0; i < 3; ++i) {
        auto map_a = a->map(MapFlags::read);
        auto map_b = b->map(MapFlags::read);
        ASSERT_TRUE(map_a && map_b);
        EXPECT_EQ(map_a->data(), map_b->data());
    }
    EXPECT_EQ(watch.count("mmap"), 1);
    auto* of_a = a->block().extension<HasDmaBuf>();
    auto* of_b = b->block().extension<HasDmaBuf>();
    ASSERT_TRUE(of_a && of_b);
    EXPECT_EQ(of_a->dma_buf().get(), of_b->dma_buf().get());
    a.reset();
    EXPECT_EQ(watch.count("munmap"), 0);
    b.reset();
    EXPECT_EQ(watch.count("munmap"), 1);
    EXPECT_TRUE(watch.mappings.empty());
}

TEST_F(DmaBufIdentity, OtherBuffersAreOthers) {
    auto other = FakeDmaBufs::make(size);
    auto a = DmaBuf::import(fd.get()), b = DmaBuf::import(other.get());
    ASSERT_TRUE(a && b);
    EXPECT_NE(a->get(), b->get());
    EXPECT_NE((*a)->inode(), (*b)->inode());
}

TEST_F(DmaBufIdentity, AnAdoptedBufferIsFoundByAnImport) {
    const auto before = open_fds();
    const int number = fd.get();
    auto own = DmaBuf::adopt(std::move(fd), size);
    ASSERT_TRUE(own) << own.error().message();
    EXPECT_EQ((*own)->fd(), number);
    auto again = DmaBuf::import(number);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->get(), own->get());
    EXPECT_EQ(open_fds(), before) << "the duplicate was not kept";
}

TEST_F(DmaBufIdentity, ManyThreadsGetOneObject) {
    std::atomic<int> wrong = 0;
    auto kept = DmaBuf::import(fd.get());
    ASSERT_TRUE(kept);
    DmaBuf* expected = kept->get();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                auto buffer = DmaBuf::import(fd.get());
                wrong += !buffer || buffer->get() != expected;
            }
        });
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
    // And with nobody to keep it: it comes and goes.
    *kept = DmaBufRef();
    threads.clear();
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                auto buffer = DmaBuf::import(fd.get());
                wrong += !buffer || !(*buffer)->begin_cpu_access(MapFlags::read) ||
                         !(*buffer)->end_cpu_access(MapFlags::read);
            }
        });
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
}

TEST_F(DmaBufIdentity, AdoptRefusesABufferThatIsTooSmall) {
    const auto before = open_fds();
    auto small = FakeDmaBufs::make(4096);
    auto adopted = DmaBuf::adopt(std::move(small), 8192);
    ASSERT_FALSE(adopted);
    EXPECT_EQ(adopted.error().kind(), ErrorKind::incompatible);
    EXPECT_EQ(adopted.error().size_held(), 4096u);
    EXPECT_EQ(open_fds(), before) << "the descriptor is taken on failure too";
}

TEST_F(DmaBufIdentity, AdoptAsksTheBufferItselfWhereTheInodeHasNoSize) {
    kernel.fstat = [](int number, struct stat* status) {
        const int done = real_kernel().fstat(number, status);
        status->st_size = 0;
        return done;
    };
    auto adopted = DmaBuf::adopt(std::move(fd), size);
    ASSERT_TRUE(adopted);
    EXPECT_EQ((*adopted)->size(), size);
}

// ---- mapping

using DmaBufMap = DmaBufTest;

TEST_F(DmaBufMap, MapFailedIsNeverAMapping) {
    auto memory = import(fd);
    kernel.mmap = [](std::size_t, int, int, int, off_t, void**) { return -EINVAL; };
    auto mapping = memory->map(MapFlags::read);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code(), EINVAL);
    EXPECT_NE(mapping.error().message().find("mmap"), std::string::npos);
    kernel.mmap = [](std::size_t, int, int, int, off_t, void**) { return 0; };
    EXPECT_FALSE(memory->map(MapFlags::read));
    EXPECT_THAT(fake.syncs, IsEmpty());
    kernel.mmap = real_kernel().mmap;
    EXPECT_TRUE(memory->map(MapFlags::readwrite)) << "tried again when asked again";
}

TEST_F(DmaBufMap, IsMappedWithAllTheDescriptorAllowsSoThatNoLaterMapIsWeaker) {
    static std::vector<int> protections;
    protections.clear();
    kernel.mmap = [](std::size_t length, int protection, int flags, int number, off_t offset, void** at) {
        EXPECT_EQ(flags, MAP_SHARED);
        EXPECT_EQ(offset, 0);
        protections.push_back(protection);
        return real_kernel().mmap(length, protection, flags, number, offset, at);
    };
    auto memory = import(fd);
    { ASSERT_TRUE(memory->map(MapFlags::read)); }
    auto mapping = memory->map(MapFlags::write);
    ASSERT_TRUE(mapping);
    mapping->data()[size - 1] = 1;
    EXPECT_THAT(protections, ElementsAre(PROT_READ | PROT_WRITE));
}

TEST_F(DmaBufMap, AWindowIsMappedFromTheBuffersFirstPage) {
    auto memory = import_dmabuf(fd.get(), 1000, 500);
    ASSERT_TRUE(memory);
    EXPECT_EQ((*memory)->offset(), 1000u);
    EXPECT_EQ((*memory)->maxsize(), size);
    auto mapping = (*memory)->map(MapFlags::write);
    ASSERT_TRUE(mapping);
    EXPECT_EQ(mapping->size(), 500u);
    mapping->data()[0] = 7;
    std::uint8_t byte = 0;
    ASSERT_EQ(::pread(fd.get(), &byte, 1, 1000), 1);
    EXPECT_EQ(byte, 7);
    auto lent = borrow_fd(**memory, FdKind::dmabuf);
    ASSERT_TRUE(lent);
    EXPECT_EQ(lent->offset, 1000u);
    EXPECT_EQ(lent->size, 500u);
}

TEST_F(DmaBufMap, AReadOnlyDescriptorIsReadOnlyMemory) {
    auto read_only = FakeDmaBufs::reopened(fd, O_RDONLY);
    KernelWatch watch;
    auto memory = import(read_only);
    EXPECT_TRUE(has(memory->flags(), MemoryFlags::readonly));
    EXPECT_FALSE(borrow_fd(*memory, FdKind::dmabuf)->writable);
    watch.clear();
    EXPECT_FALSE(memory->map(MapFlags::write));
    EXPECT_FALSE(memory->map(MapFlags::readwrite));
    auto* buffer = memory->block().extension<HasDmaBuf>()->dma_buf().get();
    auto refused = buffer->begin_cpu_access(MapFlags::write);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::permission);
    EXPECT_EQ(watch.log.size(), 0u) << "refused before any call";
    EXPECT_TRUE(memory->map(MapFlags::read));
}

TEST_F(DmaBufMap, AWriteOnlyDescriptorCannotBeMapped) {
    auto write_only = FakeDmaBufs::reopened(fd, O_WRONLY);
    auto memory = import(write_only);
    EXPECT_TRUE(has(memory->flags(), MemoryFlags::not_mappable));
    auto mapping = memory->map(MapFlags::write);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().kind(), ErrorKind::unsupported);
    EXPECT_FALSE(memory->block().extension<HasDmaBuf>()->dma_buf()->begin_cpu_access(MapFlags::write));
    EXPECT_EQ(fake.sync_calls, 0);
}

TEST_F(DmaBufMap, AMapOfAKeptMappingOnlySyncs) {
    auto memory = import(fd);
    { ASSERT_TRUE(memory->map(MapFlags::read)); }
    KernelWatch watch;
    { ASSERT_TRUE(memory->map(MapFlags::read)); }
    EXPECT_THAT(watch.log, ElementsAre("ioctl", "ioctl"));
}

// ---- import

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
    const auto before = open_fds();
    KernelWatch watch;
    int failures = 0;
    for (int n = 1;; ++n) {
        ASSERT_LT(n, 50);
        fake.syncs.clear();
        watch.fail_call(n, EIO);
        Error error(ErrorKind::invalid, "");
        {
            auto memory = import_dmabuf(fd.get());
            if (memory) {
                auto mapping = (*memory)->map(MapFlags::readwrite);
                if (mapping) {
                    if (auto ended = mapping->unmap(); !ended)
                        error = ended.error();
                } else {
                    error = mapping.error();
                }
            } else {
                error = memory.error();
            }
        }
        EXPECT_EQ(open_fds(), before) << watch.failed_name;
        EXPECT_TRUE(watch.mappings.empty()) << watch.failed_name;
        if (!watch.reached())
            break;
        ++failures;
        EXPECT_EQ(error.code(), EIO) << watch.failed_name;
        const std::string expected = watch.failed_name == "ioctl" ? "DMA_BUF_IOCTL_SYNC" : watch.failed_name;
        EXPECT_NE(error.message().find(expected), std::string::npos) << error.message();
    }
    EXPECT_EQ(failures, 8) << "dup, fstatfs, fstat, lseek, F_GETFL, mmap, START, END";
    EXPECT_THAT(fake.syncs, ElementsAre(start_rw, end_rw));
}

// ---- names

using DmaBufName = DmaBufTest;

TEST_F(DmaBufName, AreCutAt31BytesAndNeverFatal) {
    auto buffer = DmaBuf::import(fd.get());
    ASSERT_TRUE(buffer);
    (*buffer)->set_name(std::string(40, 'n'));
    (*buffer)->set_name("short");
    (*buffer)->set_name(std::string(30, 'n') + "\xc3\xbc"); // a two-byte character across the limit
    fake.name_result = -EBUSY;
    (*buffer)->set_name("refused");
    EXPECT_THAT(fake.names, ElementsAre(std::string(31, 'n'), "short", std::string(30, 'n'), "refused"));
}

} // namespace
} // namespace hwalloc
