// A START that waits for a device's fences, and what other threads do with the buffer meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/unit/dma_buf_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;

// Where START of WRITE waits until the test lets it through. A library that cannot go on beside it would wait
// for ever, so the gate opens by itself in the end, and says so.
class Gate {
public:
    void wait_in_call() {
        std::unique_lock lock(mutex_);
        waiting_ = true;
        changed_.notify_all();
        forced_ = !changed_.wait_for(lock, std::chrono::seconds(30), [this] { return open_; });
    }
    void until_somebody_waits() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return waiting_; });
    }
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    bool forced() {
        const std::lock_guard lock(mutex_);
        return forced_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool waiting_ = false, open_ = false, forced_ = false;
};

class DmaBufWait : public DmaBufTest {
protected:
    DmaBufWait() {
        gate = &gate_;
        kernel.ioctl = [](int number, unsigned long request, void* argument) {
            if (request == DMA_BUF_IOCTL_SYNC && static_cast<dma_buf_sync*>(argument)->flags == start_w)
                gate->wait_in_call();
            return FakeDmaBufs::active->ioctl(number, request, argument);
        };
    }
    Gate gate_;
    static inline Gate* gate = nullptr;
};

TEST_F(DmaBufWait, AnAccessThatNeedsNoCallGoesOnMeanwhile) {
    auto a = import(fd), b = import(fd);
    auto outer = a->map(MapFlags::read);
    ASSERT_TRUE(outer);
    std::thread writer([&] { EXPECT_TRUE(b->map(MapFlags::write)); });
    gate_.until_somebody_waits();
    for (int i = 0; i < 3; ++i) {
        auto nested = a->map(MapFlags::read);
        ASSERT_TRUE(nested);
        EXPECT_TRUE(nested->unmap());
    }
    EXPECT_TRUE((*a->block().extension<HasDmaBuf>()).dma_buf()->has_cpu_access());
    EXPECT_TRUE(outer->unmap()) << "READ ends together with the WRITE that is about to begin";
    EXPECT_FALSE(gate_.forced());
    gate_.open();
    writer.join();
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, start_w, end_rw));
}

TEST_F(DmaBufWait, TheLastReaderLeavesReadToAWriterThatFails) {
    auto a = import(fd), b = import(fd);
    auto outer = a->map(MapFlags::read);
    ASSERT_TRUE(outer);
    std::thread writer([&] { EXPECT_FALSE(b->map(MapFlags::write)); });
    gate_.until_somebody_waits();
    fake.sync_results = {-EIO};
    EXPECT_TRUE(outer->unmap());
    gate_.open();
    writer.join();
    EXPECT_FALSE(gate_.forced());
    EXPECT_THAT(fake.syncs, ElementsAre(start_r, end_r));
    EXPECT_TRUE(a->map(MapFlags::read));
}

TEST_F(DmaBufWait, WhatNeedsTheCallWaitsForItAndMakesNone) {
    auto a = import(fd), b = import(fd), c = import(fd);
    std::thread writer([&] { EXPECT_TRUE(b->map(MapFlags::write)); });
    gate_.until_somebody_waits();
    Result<Mapping> joined = Mapping();
    std::thread another([&] { joined = c->map(MapFlags::write); });
    gate_.open();
    writer.join();
    another.join();
    ASSERT_TRUE(joined);
    EXPECT_TRUE(joined->unmap());
    std::uint64_t open = 0;
    for (const std::uint64_t flags : fake.syncs) {
        EXPECT_TRUE(flags == start_w ? open == 0 : flags == end_w && open == start_w) << flags;
        open = flags == start_w ? start_w : 0;
    }
    EXPECT_EQ(open, 0u);
}

} // namespace
} // namespace hwalloc
