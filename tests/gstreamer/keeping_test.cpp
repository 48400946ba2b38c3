// Memory that is kept for the next that asks.
#include <gst/allocators/gstfdmemory.h>

#include <algorithm>
#include <atomic>

#include "hwalloc/gst.h"
#include "support.h"

using namespace gst_tests;

namespace {

Owned<GstAllocator> keeping(const std::string& name, guint most) {
    auto of = allocator_of(name);
    return Owned<GstAllocator>(hwalloc_gst_keeping_allocator_new(of.get(), most));
}

TEST_P(EveryAllocator, KeepsMemoryForTheNext) {
    auto allocator = keeping(GetParam(), 2);
    ASSERT_TRUE(allocator);
    GstAllocationParams params = {GstMemoryFlags{}, 0, 16, 0, {}};
    GstMemory* const memory = gst_allocator_alloc(allocator.get(), 1000, &params);
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->allocator, allocator_of(GetParam()).get());
    GstMapInfo info;
    ASSERT_TRUE(gst_memory_map(memory, &info, GST_MAP_WRITE));
    info.data[0] = 77;
    gst_memory_unmap(memory, &info);
    gst_memory_resize(memory, 3, 10);
    GST_MINI_OBJECT_FLAG_SET(memory, GST_MEMORY_FLAG_READONLY);
    const int fd = gst_is_fd_memory(memory) ? gst_fd_memory_get_fd(memory) : -1;
    gst_memory_unref(memory);
    Owned<GstMemory> again(gst_allocator_alloc(allocator.get(), 1000, &params));
    ASSERT_EQ(again.get(), memory);
    EXPECT_EQ(again->offset, 16u);
    EXPECT_EQ(again->size, 1000u);
    EXPECT_FALSE(GST_MEMORY_IS_READONLY(again.get()));
    EXPECT_TRUE(gst_memory_is_writable(again.get()));
    EXPECT_EQ(bytes_of(again.get())[0], 77);
    if (fd >= 0) {
        EXPECT_EQ(gst_fd_memory_get_fd(again.get()), fd);
    }
}

TEST_P(EveryAllocator, KeepsSoManyAndNoMore) {
    { auto warm = make(GetParam(), 1000); }
    const auto before = open_descriptors();
    auto allocator = keeping(GetParam(), 3);
    std::vector<GstMemory*> first, again;
    for (int i = 0; i < 5; ++i)
        first.push_back(gst_allocator_alloc(allocator.get(), 1000, nullptr));
    const auto of_each = (open_descriptors() - before) / 5; // a memory of Vulkan's has several
    for (GstMemory* memory : first)
        gst_memory_unref(memory);
    EXPECT_EQ(open_descriptors(), before + 3 * of_each);
    for (int i = 0; i < 3; ++i)
        again.push_back(gst_allocator_alloc(allocator.get(), 1000, nullptr));
    for (GstMemory* memory : again) {
        EXPECT_NE(std::find(first.begin(), first.end(), memory), first.end());
        gst_memory_unref(memory);
    }
    // Another size is not of the shelf, and goes as it came.
    Owned<GstMemory> other(gst_allocator_alloc(allocator.get(), 2000, nullptr));
    EXPECT_EQ(other->size, 2000u);
    other.reset();
    allocator.reset();
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(EveryAllocator, MemoryOutlivesWhatKeptIt) {
    { auto warm = make(GetParam(), 1000); }
    const auto before = open_descriptors();
    auto allocator = keeping(GetParam(), 4);
    Owned<GstMemory> memory(gst_allocator_alloc(allocator.get(), 1000, nullptr));
    Owned<GstMemory> share(gst_memory_share(memory.get(), 0, 10));
    allocator.reset();
    EXPECT_EQ(bytes_of(memory.get()).size(), 1000u);
    memory.reset();
    EXPECT_EQ(bytes_of(share.get()).size(), 10u);
    share.reset();
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(EveryAllocator, KeepsNothingWhileItIsToldSo) {
    { auto warm = make(GetParam(), 1000); }
    const auto before = open_descriptors();
    auto allocator = keeping(GetParam(), 4);
    GstAllocator* of = nullptr;
    g_object_get(allocator.get(), "of", &of, nullptr);
    EXPECT_EQ(Owned<GstAllocator>(of).get(), allocator_of(GetParam()).get());
    const GQuark mark = g_quark_from_static_string("hwalloc-test-used");
    const auto use = [&] {
        Owned<GstMemory> one(gst_allocator_alloc(allocator.get(), 1000, nullptr)),
            two(gst_allocator_alloc(allocator.get(), 1000, nullptr));
        const bool again = gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(one.get()), mark);
        for (GstMemory* each : {one.get(), two.get()})
            gst_mini_object_set_qdata(GST_MINI_OBJECT_CAST(each), mark, allocator.get(), nullptr);
        return again;
    };
    EXPECT_FALSE(use());
    EXPECT_TRUE(use());
    g_object_set(allocator.get(), "keeps", FALSE, nullptr);
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_FALSE(use());
    EXPECT_FALSE(use());
    EXPECT_EQ(open_descriptors(), before);
    g_object_set(allocator.get(), "keeps", TRUE, nullptr);
    EXPECT_FALSE(use());
    EXPECT_TRUE(use());
}

TEST(Keeping, IsForMemoryOfHwalloc) {
    Owned<GstAllocator> system(gst_allocator_find(nullptr));
    EXPECT_EQ(hwalloc_gst_keeping_allocator_new(system.get(), 1), nullptr);
    EXPECT_EQ(hwalloc_gst_keeping_allocator_new(nullptr, 1), nullptr);
}

TEST(Keeping, KeepsNothingThatIsToBeginWithZero) {
    auto allocator = keeping("sysmem", 2);
    GstAllocationParams zero = {GST_MEMORY_FLAG_ZERO_PADDED, 0, 0, 64, {}};
    for (int i = 0; i < 3; ++i) {
        Owned<GstMemory> memory(gst_allocator_alloc(allocator.get(), 100, &zero));
        gst_memory_resize(memory.get(), 0, 164);
        GstMapInfo info;
        ASSERT_TRUE(gst_memory_map(memory.get(), &info, GST_MAP_READWRITE));
        for (gsize at = 100; at < 164; ++at) {
            EXPECT_EQ(info.data[at], 0);
            info.data[at] = 1;
        }
        gst_memory_unmap(memory.get(), &info);
    }
}

TEST(Keeping, GivesNoMemoryToTwo) {
    auto allocator = keeping("sysmem", 3);
    std::atomic<int> faults = 0;
    const auto use = [&](std::uint8_t mark) {
        for (int i = 0; i < 20000; ++i) {
            Owned<GstMemory> memory(gst_allocator_alloc(allocator.get(), 64, nullptr));
            GstMapInfo info;
            if (!gst_memory_map(memory.get(), &info, GST_MAP_READWRITE)) {
                ++faults;
                continue;
            }
            info.data[0] = mark;
            std::atomic_signal_fence(std::memory_order_seq_cst);
            faults += info.data[0] != mark;
            gst_memory_unmap(memory.get(), &info);
        }
    };
    std::thread one(use, 1), two(use, 2), three(use, 3);
    one.join();
    two.join();
    three.join();
    EXPECT_EQ(faults, 0);
}

TEST(Keeping, EndsWhileOthersGiveBack) {
    for (int i = 0; i < 300; ++i) {
        auto allocator = keeping("sysmem", 3);
        std::vector<GstMemory*> memories;
        for (int j = 0; j < 6; ++j)
            memories.push_back(gst_allocator_alloc(allocator.get(), 64, nullptr));
        std::thread giver([&] {
            for (GstMemory* memory : memories)
                gst_memory_unref(memory);
        });
        allocator.reset();
        giver.join();
    }
}

// The memory that comes back is the last that holds anything: whoever gives it back must not be left with
// nothing (a thread sanitizer sees where it is).
TEST(Keeping, EndsWhileTheLastMemoryComesBack) {
    for (int i = 0; i < 200; ++i) {
        auto allocator = keeping("sysmem", 1);
        GstMemory* const memory = gst_allocator_alloc(allocator.get(), 64, nullptr);
        std::atomic<bool> begun = false;
        std::thread giver([&] {
            begun.store(true);
            gst_memory_unref(memory);
        });
        while (!begun.load())
            std::this_thread::yield();
        allocator.reset();
        giver.join();
    }
}

} // namespace
