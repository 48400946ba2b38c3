// Dma-bufs from elsewhere on a card: the count of GEM handles, and what a refusal tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/drm_dumb_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(DrmDumb, AnImportIsCountedAndOneOwnersEndKeepsTheOthersHandle) {
    Allocator* allocator = card();
    const UniqueFd foreign = FakeDmaBufs::make(2 * page_size());
    auto first = import(allocator, foreign.get());
    ASSERT_TRUE(first) << first.error().message();
    auto second = import(allocator, foreign.get(), page_size(), 100);
    ASSERT_TRUE(second);
    EXPECT_EQ((*first)->size(), 2 * page_size());
    EXPECT_EQ((*second)->offset(), page_size());
    ASSERT_EQ(card_fds().size(), 1u);
    EXPECT_EQ(fake.handles(), 1u);
    first->reset();
    EXPECT_TRUE(fake.has_handle(card_fds()[0], 1));
    auto mapping = (*second)->map(MapFlags::write);
    EXPECT_TRUE(mapping) << mapping.error().message();
    EXPECT_TRUE(mapping->unmap());
    second->reset();
    EXPECT_EQ(fake.handles(), 0u);
}

TEST_F(DrmDumb, ItsOwnBufferComesBackAsTheSameHandle) {
    Allocator* allocator = card();
    auto memory = allocator->alloc(100);
    ASSERT_TRUE(memory);
    auto fd = export_fd(**memory, FdKind::dmabuf);
    ASSERT_TRUE(fd);
    auto back = import(allocator, fd->get());
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(fake.handles(), 1u);
    memory->reset();
    EXPECT_EQ(fake.handles(), 1u) << "one handle with two owners";
    back->reset();
    EXPECT_EQ(fake.handles(), 0u);
}

TEST_F(DrmDumb, ARefusedImportSaysWhatItCanBe) {
    Allocator* allocator = card();
    const UniqueFd foreign = FakeDmaBufs::make(page_size());
    const auto before = open_fds();
    for (const int refusal : {EINVAL, ENODEV, ENOSYS, EOPNOTSUPP}) {
        fake.cards[0].import_error = refusal;
        auto memory = import(allocator, foreign.get());
        ASSERT_FALSE(memory);
        EXPECT_EQ(memory.error().kind(), ErrorKind::incompatible) << refusal;
        EXPECT_EQ(memory.error().code(), refusal);
        EXPECT_EQ(memory.error().size_wanted(), page_size());
        EXPECT_THAT(memory.error().message(),
                    AllOf(HasSubstr("/dev/dri/card0 (fake-drm): PRIME_FD_TO_HANDLE"), HasSubstr("contiguous"),
                          HasSubstr("drm-dumb/card0")));
    }
    fake.cards[0].import_error = ENOMEM;
    EXPECT_EQ(import(allocator, foreign.get()).error().kind(), ErrorKind::exhausted);
    // The same errno is the end of the card when it answers nothing else either.
    fake.cards[0].import_error = fake.cards[0].version_error = ENODEV;
    EXPECT_EQ(import(allocator, foreign.get()).error().kind(), ErrorKind::device_lost);
    EXPECT_EQ(fake.handles(), 0u);
    EXPECT_EQ(open_fds(), before);
}

TEST_F(DrmDumb, NonsenseIsRefusedBeforeTheCardIsAsked) {
    Allocator* allocator = card();
    const UniqueFd memfd(::memfd_create("no dma-buf", MFD_CLOEXEC));
    const UniqueFd foreign = FakeDmaBufs::make(page_size());
    EXPECT_EQ(import(allocator, -1).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(import(allocator, memfd.get()).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(import(allocator, foreign.get(), 8, page_size()).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(fake.imports, 0);
    const UniqueFd read_only = FakeDmaBufs::reopened(foreign, O_RDONLY);
    auto memory = import(allocator, read_only.get());
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE(has((*memory)->flags(), MemoryFlags::readonly));
}

} // namespace
} // namespace hwalloc
