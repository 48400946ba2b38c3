// CPU access to a dma-buf: which SYNC calls bracket it, whatever nests, joins or fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "common/dma_buf.h"
#include "tests/unit/dma_buf_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;

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

} // namespace
} // namespace hwalloc
