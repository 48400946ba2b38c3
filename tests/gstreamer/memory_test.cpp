// The contract of GstMemory, over every allocator: which memory it is, windows, shares, spans, copies, locks.
#include <gst/allocators/gstdmabuf.h>
#include <gst/allocators/gstfdmemory.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "support.h"

using namespace gst_tests;

namespace {

TEST_P(EveryAllocator, GivesTheMemoryThatItHasADescriptorOf) {
    auto memory = make(GetParam(), 4096);
    auto claims = hwalloc::Allocator::find(GetParam())->extension<hwalloc::Describes>()->claims();
    EXPECT_EQ(claims.export_dmabuf, static_cast<bool>(gst_is_dmabuf_memory(memory.get())));
    EXPECT_EQ(claims.export_dmabuf || claims.export_memfd, static_cast<bool>(gst_is_fd_memory(memory.get())));
    if (!gst_is_fd_memory(memory.get())) {
        EXPECT_EQ(memory->allocator->mem_type, std::string(hwalloc::Allocator::find(GetParam())->mem_type()));
    }
    if (claims.export_dmabuf || claims.export_memfd) {
        struct stat facts = {};
        EXPECT_EQ(fstat(gst_fd_memory_get_fd(memory.get()), &facts), 0);
        EXPECT_GE(facts.st_size, 4096);
    }
    if (claims.export_dmabuf) {
        EXPECT_TRUE(gst_memory_is_type(memory.get(), GST_ALLOCATOR_DMABUF));
    }
    EXPECT_FALSE(GST_OBJECT_FLAG_IS_SET(memory->allocator, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC));
}

TEST_P(EveryAllocator, HasTheWindowThatWasAskedFor) {
    auto memory = make(GetParam(), 1000, 64, 200, 63);
    gsize offset = 0, maxsize = 0;
    EXPECT_EQ(gst_memory_get_sizes(memory.get(), &offset, &maxsize), 1000u);
    EXPECT_EQ(offset, 64u);
    EXPECT_GE(maxsize, 1264u);
    EXPECT_EQ(memory->align & 63, 63u);
    EXPECT_EQ(bytes_of(memory.get()), numbers(64, 1000));
    GstMapInfo info;
    ASSERT_TRUE(gst_memory_map(memory.get(), &info, GST_MAP_READ));
    EXPECT_EQ(info.maxsize, maxsize - 64);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(info.data) & 63, 0u);
    gst_memory_unmap(memory.get(), &info);
}

TEST_P(EveryAllocator, BeginsAtTheBufferUnlessAPrefixIsAskedFor) {
    EXPECT_EQ(make(GetParam(), 4096)->offset, 0u); // elements of GStreamer 1.22 take no other dma-buf
}

TEST_P(EveryAllocator, FillsWithZeroWhatIsAskedFor) {
    auto allocator = allocator_of(GetParam());
    GstAllocationParams params = {
        static_cast<GstMemoryFlags>(GST_MEMORY_FLAG_ZERO_PREFIXED | GST_MEMORY_FLAG_ZERO_PADDED),
        0,
        32,
        32,
        {}};
    Owned<GstMemory> memory(gst_allocator_alloc(allocator.get(), 100, &params));
    ASSERT_TRUE(memory);
    EXPECT_TRUE(GST_MEMORY_IS_ZERO_PREFIXED(memory.get()));
    gst_memory_resize(memory.get(), -32, 164);
    auto bytes = bytes_of(memory.get());
    ASSERT_EQ(bytes.size(), 164u);
    for (gsize i = 0; i < 32; ++i) {
        EXPECT_EQ(bytes[i], 0);
        EXPECT_EQ(bytes[132 + i], 0);
    }
}

TEST_P(EveryAllocator, ResizesIntoPrefixAndPadding) {
    auto memory = make(GetParam(), 100, 20, 30);
    gst_memory_resize(memory.get(), -20, 150);
    EXPECT_EQ(bytes_of(memory.get()), numbers(0, 150));
    Owned<GstMemory> copy(gst_memory_copy(memory.get(), 5, 140));
    ASSERT_TRUE(copy);
    EXPECT_EQ(bytes_of(copy.get()), numbers(5, 140));
}

TEST_P(EveryAllocator, SharesAreWindowsOfTheRoot) {
    auto memory = make(GetParam(), 1000, 16);
    Owned<GstMemory> share(gst_memory_share(memory.get(), 100, 500));
    ASSERT_TRUE(share);
    EXPECT_EQ(share->parent, memory.get());
    EXPECT_TRUE(GST_MEMORY_IS_READONLY(share.get()));
    EXPECT_EQ(bytes_of(share.get()), numbers(116, 500));
    // A share of a share is one of the root, and its place is what both say together.
    Owned<GstMemory> inner(gst_memory_share(share.get(), 50, 30));
    ASSERT_TRUE(inner);
    EXPECT_EQ(inner->parent, memory.get());
    EXPECT_EQ(inner->offset, 16u + 150);
    EXPECT_EQ(bytes_of(inner.get()), numbers(166, 30));
    // -1 is the end of the window, not of the region.
    Owned<GstMemory> rest(gst_memory_share(share.get(), 400, -1));
    ASSERT_TRUE(rest);
    EXPECT_EQ(bytes_of(rest.get()), numbers(516, 100));
    Owned<GstMemory> all(gst_memory_share(memory.get(), 0, -1));
    EXPECT_EQ(all->size, 1000u);
    // The root lives as long as they.
    memory.reset();
    share.reset();
    EXPECT_EQ(bytes_of(inner.get()), numbers(166, 30));
    if (gst_is_fd_memory(inner.get())) {
        EXPECT_EQ(gst_fd_memory_get_fd(inner.get()), gst_fd_memory_get_fd(rest.get()));
    }
}

TEST_P(EveryAllocator, RefusesAPartOutsideTheWindow) {
    auto memory = make(GetParam(), 1000, 64, 64);
    for (auto [offset, size] :
         {std::pair<gssize, gssize>{1001, -1}, {0, 1001}, {1000, 1}, {-1, 10}, {-64, -1}}) {
        EXPECT_EQ(gst_memory_share(memory.get(), offset, size), nullptr) << offset << " " << size;
        EXPECT_EQ(gst_memory_copy(memory.get(), offset, size), nullptr) << offset << " " << size;
    }
    EXPECT_EQ(Owned<GstMemory>(gst_memory_share(memory.get(), 1000, -1))->size, 0u);
}

TEST_P(EveryAllocator, SharesSayZeroOnlyWhereItIs) {
    auto allocator = allocator_of(GetParam());
    GstAllocationParams params = {
        static_cast<GstMemoryFlags>(GST_MEMORY_FLAG_ZERO_PREFIXED | GST_MEMORY_FLAG_ZERO_PADDED),
        0,
        32,
        32,
        {}};
    Owned<GstMemory> memory(gst_allocator_alloc(allocator.get(), 100, &params));
    Owned<GstMemory> begin(gst_memory_share(memory.get(), 0, 50)),
        end(gst_memory_share(memory.get(), 50, -1));
    EXPECT_TRUE(GST_MEMORY_IS_ZERO_PREFIXED(begin.get()));
    EXPECT_FALSE(GST_MEMORY_IS_ZERO_PADDED(begin.get()));
    EXPECT_FALSE(GST_MEMORY_IS_ZERO_PREFIXED(end.get()));
    EXPECT_TRUE(GST_MEMORY_IS_ZERO_PADDED(end.get()));
}

TEST_P(EveryAllocator, KnowsASpanByItsPlaceInTheRootsWindow) {
    auto memory = make(GetParam(), 1000, 48);
    Owned<GstMemory> first(gst_memory_share(memory.get(), 100, 200)),
        second(gst_memory_share(memory.get(), 300, 100)), third(gst_memory_share(memory.get(), 500, 100));
    gsize offset = 7;
    EXPECT_FALSE(gst_memory_is_span(second.get(), first.get(), &offset));
    EXPECT_FALSE(gst_memory_is_span(first.get(), third.get(), &offset));
    EXPECT_EQ(offset, 7u);
    EXPECT_TRUE(gst_memory_is_span(first.get(), second.get(), nullptr));
    ASSERT_TRUE(gst_memory_is_span(first.get(), second.get(), &offset));
    EXPECT_EQ(offset, 100u); // of the root's window, whatever is in front of that
    Owned<GstMemory> both(gst_memory_share(memory.get(), static_cast<gssize>(offset), 300));
    EXPECT_EQ(bytes_of(both.get()), numbers(148, 300));
    auto other = make(GetParam(), 1000);
    Owned<GstMemory> of_other(gst_memory_share(other.get(), 348, 100));
    EXPECT_FALSE(gst_memory_is_span(first.get(), of_other.get(), nullptr));
}

TEST_P(EveryAllocator, ABufferMergesASpanWithoutACopy) {
    auto memory = make(GetParam(), 1000, 16);
    Owned<GstBuffer> buffer(gst_buffer_new());
    gst_buffer_append_memory(buffer.get(), gst_memory_share(memory.get(), 100, 200));
    gst_buffer_append_memory(buffer.get(), gst_memory_share(memory.get(), 300, 100));
    GstMapInfo merged, root;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &merged, GST_MAP_READ));
    ASSERT_TRUE(gst_memory_map(memory.get(), &root, GST_MAP_READ));
    EXPECT_EQ(merged.data, root.data + 100);
    EXPECT_EQ(merged.size, 300u);
    gst_memory_unmap(memory.get(), &root);
    gst_buffer_unmap(buffer.get(), &merged);
}

TEST_P(EveryAllocator, CopiesThePartThatIsAskedFor) {
    auto memory = make(GetParam(), 1000, 16, 0, 255);
    for (auto [offset, size, from, length] : {std::tuple<gssize, gssize, gsize, gsize>{0, -1, 16, 1000},
                                              {300, 200, 316, 200},
                                              {999, -1, 1015, 1}}) {
        Owned<GstMemory> copy(gst_memory_copy(memory.get(), offset, size));
        ASSERT_TRUE(copy);
        EXPECT_EQ(bytes_of(copy.get()), numbers(from, length));
        EXPECT_EQ(copy->allocator, memory->allocator);
        EXPECT_EQ(copy->offset, 0u);
        EXPECT_EQ(copy->parent, nullptr);
        EXPECT_EQ(copy->align & 255, 255u);
        GstMapInfo info;
        ASSERT_TRUE(gst_memory_map(copy.get(), &info, GST_MAP_WRITE));
        gst_memory_unmap(copy.get(), &info);
    }
    Owned<GstMemory> share(gst_memory_share(memory.get(), 10, 500));
    Owned<GstMemory> of_share(gst_memory_copy(share.get(), 20, 30));
    EXPECT_EQ(bytes_of(of_share.get()), numbers(46, 30));
    EXPECT_FALSE(GST_MEMORY_IS_READONLY(of_share.get()));
}

TEST_P(EveryAllocator, LocksAsGStreamerDoes) {
    auto memory = make(GetParam(), 1000);
    GstMapInfo one, two;
    ASSERT_TRUE(gst_memory_map(memory.get(), &one, GST_MAP_READWRITE));
    EXPECT_TRUE(gst_memory_map(memory.get(), &two, GST_MAP_READ));
    EXPECT_EQ(one.data, two.data);
    gst_memory_unmap(memory.get(), &two);
    // What is being written can be copied, and is not shared.
    Owned<GstMemory> copy(gst_memory_copy(memory.get(), 0, -1));
    EXPECT_TRUE(copy);
    EXPECT_EQ(gst_memory_share(memory.get(), 0, -1), nullptr);
    gst_memory_unmap(memory.get(), &one);
    Owned<GstMemory> first(gst_memory_share(memory.get(), 0, -1)),
        second(gst_memory_share(memory.get(), 0, -1));
    EXPECT_FALSE(gst_memory_map(memory.get(), &one, GST_MAP_WRITE));
    EXPECT_FALSE(gst_memory_map(first.get(), &one, GST_MAP_WRITE));
    second.reset();
    EXPECT_TRUE(gst_memory_map(memory.get(), &one, GST_MAP_WRITE));
    // Upstream shares a share of what is being written, and counts wrong for ever.
    EXPECT_EQ(gst_memory_share(first.get(), 0, -1), nullptr);
    gst_memory_unmap(memory.get(), &one);
    EXPECT_TRUE(Owned<GstMemory>(gst_memory_share(first.get(), 0, -1)));
    first.reset();
    EXPECT_TRUE(gst_memory_is_writable(memory.get()));
}

// What shares a share and what writes the root, at once: each is refused or has it whole, and the count of
// shares is right.
TEST(Memory, SharesAShareWhileOthersWriteTheRoot) {
    auto memory = make("sysmem", 1000);
    Owned<GstMemory> first(gst_memory_share(memory.get(), 0, -1));
    Log log;
    std::atomic<bool> ended = false;
    std::thread writer([&] {
        GstMapInfo info;
        while (!ended.load(std::memory_order_relaxed))
            if (gst_memory_map(memory.get(), &info, GST_MAP_WRITE))
                gst_memory_unmap(memory.get(), &info);
    });
    int shared = 0;
    for (int i = 0; i < 100000; ++i)
        shared += static_cast<bool>(Owned<GstMemory>(gst_memory_share(first.get(), 0, 10)));
    ended = true;
    writer.join();
    EXPECT_GT(shared, 0);
    first.reset(); // a count that is short goes below zero
    EXPECT_EQ(log.criticals(), 0u);
    EXPECT_EQ(GST_MINI_OBJECT_CAST(memory.get())->lockstate, 0);
}

// Its allocators are GStreamer's for descriptors too: what a program makes with them of its own descriptor is
// memory as GStreamer's own.
TEST_P(EveryAllocator, TakesADescriptorOfTheProgram) {
    auto allocator = allocator_of(GetParam());
    if (!GST_IS_FD_ALLOCATOR(allocator.get())) {
        EXPECT_FALSE(gst_is_fd_memory(make(GetParam(), 4096).get()));
        return;
    }
    const auto before = open_descriptors();
    auto source = make(GetParam(), 4096);
    const int fd = dup(gst_fd_memory_get_fd(source.get()));
    ASSERT_GE(fd, 0);
    Owned<GstMemory> wrapped(
        GST_IS_DMABUF_ALLOCATOR(allocator.get())
            ? gst_dmabuf_allocator_alloc(allocator.get(), fd, 4096)
            : gst_fd_allocator_alloc(allocator.get(), fd, 4096, GST_FD_MEMORY_FLAG_NONE));
    ASSERT_TRUE(wrapped);
    EXPECT_EQ(bytes_of(wrapped.get()), numbers(0, 4096));
    Owned<GstMemory> share(gst_memory_share(wrapped.get(), 100, 50)),
        inner(gst_memory_share(share.get(), 10, -1)), copy(gst_memory_copy(wrapped.get(), 5, 20));
    EXPECT_EQ(bytes_of(share.get()), numbers(100, 50));
    EXPECT_EQ(bytes_of(inner.get()), numbers(110, 40));
    EXPECT_EQ(bytes_of(copy.get()), numbers(5, 20));
    for (auto* each : {&share, &inner, &copy, &wrapped, &source})
        each->reset();
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(EveryAllocator, MakesAMappedCopyOfWhatIsReadOnly) {
    auto memory = make(GetParam(), 1000);
    GstMapInfo info;
    Owned<GstMemory> mapped(
        gst_memory_make_mapped(gst_memory_share(memory.get(), 100, 50), &info, GST_MAP_READWRITE));
    ASSERT_TRUE(mapped);
    EXPECT_EQ(std::vector<std::uint8_t>(info.data, info.data + info.size), numbers(100, 50));
    gst_memory_unmap(mapped.get(), &info);
}

TEST_P(EveryAllocator, RefusesWithTheWholeStory) {
    auto allocator = allocator_of(GetParam());
    Log log;
    GstAllocationParams params = {GstMemoryFlags{}, 0, G_MAXSIZE - 8, 0, {}};
    EXPECT_EQ(gst_allocator_alloc(allocator.get(), 100, &params), nullptr);
    EXPECT_NE(log.said().find("allocating: "), std::string::npos) << log.said();
    EXPECT_GT(log.said().size(), 25u) << log.said();
    auto memory = make(GetParam(), 100);
    GstMapInfo info;
    EXPECT_FALSE(gst_memory_map(memory.get(), &info, GstMapFlags{}));
    EXPECT_EQ(log.criticals(), 0u);
}

TEST_P(EveryAllocator, LeavesNothingBehind) {
    { auto warm = make(GetParam(), 4096); }
    const auto before = open_descriptors();
    for (int i = 0; i < 100; ++i) {
        auto memory = make(GetParam(), 4096);
        Owned<GstMemory> share(gst_memory_share(memory.get(), 0, 100)),
            copy(gst_memory_copy(share.get(), 0, -1));
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(EveryAllocator, IsUsedByManyThreads) {
    auto memory = make(GetParam(), 4096);
    const auto use = [&] {
        for (int i = 0; i < 200; ++i) {
            Owned<GstMemory> share(gst_memory_share(memory.get(), i, 100));
            EXPECT_EQ(bytes_of(share.get()), numbers(static_cast<gsize>(i), 100));
        }
    };
    std::thread one(use), two(use);
    one.join();
    two.join();
    EXPECT_TRUE(gst_memory_is_writable(memory.get()));
}

INSTANTIATE_TEST_SUITE_P(Of, EveryAllocator, testing::ValuesIn(names()), [](const auto& instance) {
    std::string name = instance.param;
    for (char& letter : name)
        if (!g_ascii_isalnum(letter))
            letter = '_';
    return name;
});

} // namespace
