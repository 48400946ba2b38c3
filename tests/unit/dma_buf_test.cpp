// A dma-buf's object: its identity, its one mapping and its name.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/dma_buf_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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
