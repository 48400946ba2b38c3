// What the header says of threads: every function of a Device, by anybody, at any time. ThreadSanitizer is
// the judge.
#include <gmock/gmock.h>

#include <thread>

#include "tests/vulkan/fake_driver_fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using ThreadsTest = FakeDriverTest;

TEST_F(ThreadsTest, EverythingAtOnce) {
    Device device = wrap_fake();
    AllocatorRef host = allocator(device, Placement::host), gpu = allocator(device, Placement::device_local);
    AllocatorRef sysmem(Allocator::find("sysmem"));
    MemoryRef shared = alloc(*gpu, 100000);
    const auto work = [&](unsigned seed) {
        for (unsigned n = 0; n < 30; ++n) {
            MemoryRef piece = alloc(*host, (seed * 37 + n * 131) % 20000 + 1);
            fill(*piece, seed + n);
            auto buffer = device.buffer(*piece);
            ASSERT_TRUE(buffer) << why(buffer);
            auto same = device.buffer(*shared);
            ASSERT_TRUE(same) << why(same);
            (void)device.acquire_barrier(*same, VK_ACCESS_TRANSFER_READ_BIT);
            auto copy = shared->copy(n * 100, 5000, n % 2 ? sysmem.get() : nullptr);
            ASSERT_TRUE(copy) << why(copy);
            const auto heaps = device.heaps();
            ASSERT_TRUE(heaps);
            EXPECT_GE(heaps->at(0).suballocations, 1u);
            expect_filled(*piece, seed + n);
            // An application's own work between.
            const auto lock = device.queue_lock();
            EXPECT_EQ(vkQueueWaitIdle(device.queue()), VK_SUCCESS);
        }
    };
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < 4; ++i)
            threads.emplace_back(work, i);
    }
    EXPECT_EQ(device.heaps()->at(0).suballocations, 1u) << "the shared one";
}

TEST_F(ThreadsTest, ExportsComeAndGo) {
    Device device = wrap_fake();
    AllocatorRef from = allocator(device, Placement::exportable);
    std::mutex one_at_a_time; // the made-up driver is for one thread
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < 3; ++i)
            threads.emplace_back([&, i] {
                for (unsigned n = 0; n < 20; ++n) {
                    MemoryRef memory;
                    {
                        std::lock_guard guard(one_at_a_time);
                        memory = alloc(*from, 5000 + i * 4096);
                    }
                    auto buffer = device.buffer(*memory);
                    ASSERT_TRUE(buffer) << why(buffer);
                    EXPECT_GE(device.heaps()->at(0).device_memories, 1u);
                }
            });
    }
    EXPECT_EQ(device.heaps()->at(0).device_memories, 0u);
    EXPECT_EQ(device.heaps()->at(0).allocated, 0u);
}

} // namespace
} // namespace hwalloc::vulkan::testing
