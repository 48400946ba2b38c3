// "dma-heap/NODE": which nodes are found and what their names say, how they are opened and asked, and what a
// failure tells.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "allocators/registry/registry.h"
#include "hwalloc/allocator.h"
#include "hwalloc/dma_buf.h"
#include "hwalloc/inventory.h"
#include "tests/unit/fake_devices.h"
#include "tests/unit/fault_loop.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DmaHeap : public ::testing::Test {
protected:
    Allocator* heap(const std::string& node) {
        fake.heaps = {node};
        auto found = registry.resolve("dma-heap/" + node);
        EXPECT_TRUE(found) << found.error().message();
        return found ? *found : nullptr;
    }
    static Properties properties(Allocator* allocator) {
        return allocator->extension<Describes>()->properties();
    }
    FakeDevices fake;
    Registry& registry = fresh_registry();
};

TEST_F(DmaHeap, EveryNodeIsListedAndNoneIsOpened) {
    fake.heaps = {"vendor,b", "linux,cma", "a-uncached"};
    ASSERT_TRUE(registry.resolve("dma-heap/vendor,b"));
    for (const char* name : {"dma-heap/vendor,b", "dma-heap/linux,cma", "dma-heap/a-uncached",
                             "/dev/dma_heap/vendor,b", "dma-heap"})
        EXPECT_NE(registry.find(name), nullptr) << name;
    EXPECT_EQ(registry.find("/dev/dma_heap/linux,cma"), registry.find("dma-heap/linux,cma"));
    EXPECT_TRUE(fake.opened.empty());
}

TEST_F(DmaHeap, TheFamilyIsTheSystemHeapAsSoonAsThereIsOne) {
    fake.heaps = {"zeta", "late-b"};
    ASSERT_TRUE(registry.resolve("dma-heap"));
    EXPECT_EQ(registry.find("dma-heap")->name(), "dma-heap/late-b");
    fake.heaps = {"zeta", "system", "late-a", "late-b"};
    ASSERT_TRUE(registry.resolve("dma-heap/system"));
    EXPECT_EQ(registry.find("dma-heap")->name(), "dma-heap/system");
}

TEST_F(DmaHeap, NamesSayWhatIsKnownAndNoMore) {
    for (const char* node : {"reserved", "linux,cma", "default_cma_region", "default-pool"}) {
        const Properties known = properties(heap(node));
        EXPECT_EQ(known.contiguous, Answer::yes) << node;
        EXPECT_EQ(known.cached, Answer::yes);
        EXPECT_EQ(known.sync, SyncQuality::importer_aware);
        EXPECT_EQ(known.cost, 40);
    }
    const Properties system = properties(heap("system"));
    EXPECT_EQ(system.contiguous, Answer::no);
    EXPECT_EQ(system.cost, 20);
    EXPECT_EQ(system.granule, page_size());
    const Properties uncached = properties(heap("system-uncached"));
    EXPECT_EQ(uncached.contiguous, Answer::unknown);
    EXPECT_EQ(uncached.cached, Answer::no);
    const Properties other = properties(heap("qcom,qseecom"));
    EXPECT_EQ(other.cached, Answer::unknown);
    EXPECT_EQ(other.sync, SyncQuality::unknown);
}

TEST_F(DmaHeap, IsOpenedReadOnlyOnceAndAskedWithAZeroedRequest) {
    Allocator* allocator = heap("open-once");
    for (int i = 0; i < 3; ++i) {
        auto memory = allocator->alloc(page_size() + 1);
        ASSERT_TRUE(memory) << memory.error().message();
        EXPECT_TRUE((*memory)->is_type("dma-heap"));
        EXPECT_EQ((*memory)->maxsize(), page_size() + 8);
        auto mapping = (*memory)->map(MapFlags::readwrite);
        ASSERT_TRUE(mapping);
        mapping->data()[page_size()] = 1;
        EXPECT_TRUE(mapping->unmap());
    }
    EXPECT_THAT(fake.opened, ElementsAre(std::pair{"/dev/dma_heap/open-once", O_RDONLY | O_CLOEXEC}));
    EXPECT_EQ(fake.last_heap_request.len, 2 * page_size());
    EXPECT_EQ(fake.last_heap_request.fd_flags, static_cast<unsigned>(O_RDWR | O_CLOEXEC));
    EXPECT_THAT(fake.buffers.syncs, ElementsAre(start_rw, end_rw, start_rw, end_rw, start_rw, end_rw));
    EXPECT_THAT(fake.buffers.names, ::testing::Each("hwalloc:" + std::to_string(page_size() + 1)));
}

TEST_F(DmaHeap, SizeZeroIsOnePage) {
    auto memory = heap("zero")->alloc(0);
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_EQ(fake.last_heap_request.len, page_size());
    EXPECT_EQ((*memory)->size(), 0u);
}

TEST_F(DmaHeap, ContiguousMemorySaysSo) {
    auto memory = heap("reserved")->alloc(100);
    ASSERT_TRUE(memory);
    EXPECT_TRUE(has((*memory)->flags(), MemoryFlags::physically_contiguous));
    memory = heap("not-known")->alloc(100);
    ASSERT_TRUE(memory);
    EXPECT_FALSE(has((*memory)->flags(), MemoryFlags::physically_contiguous));
}

TEST_F(DmaHeap, ARefusedNameLosesNoMemory) {
    fake.buffers.name_result = -EINVAL;
    EXPECT_TRUE(heap("no-names")->alloc(100));
}

TEST_F(DmaHeap, AnInterruptedAllocationIsRetried) {
    Allocator* allocator = heap("interrupted");
    static int tries;
    tries = 0;
    fake.buffers.other = [](int, unsigned long, void* argument) {
        if (++tries == 1)
            return -EINTR;
        auto& data = *static_cast<dma_heap_allocation_data*>(argument);
        data.fd = static_cast<unsigned>(FakeDmaBufs::make(data.len).release());
        return 0;
    };
    EXPECT_TRUE(allocator->alloc(100));
    EXPECT_EQ(tries, 2);
}

TEST_F(DmaHeap, ExhaustedContiguousMemoryNamesTheWayOut) {
    Allocator* allocator = heap("default_cma_region");
    fake.alloc_result = -ENOMEM;
    auto memory = allocator->alloc(8 << 20);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(memory.error().size_wanted(), 8u << 20);
    EXPECT_THAT(memory.error().message(),
                AllOf(HasSubstr("allocating 8388608 bytes on /dev/dma_heap/default_cma_region"),
                      HasSubstr("DMA_HEAP_IOCTL_ALLOC"), HasSubstr("ENOMEM"), HasSubstr("fragmented"),
                      HasSubstr("dma-heap/system")));
}

TEST_F(DmaHeap, WhatTheMachineHasNotIsRefusedBeforeTheKernelKillsForIt) {
    Allocator* allocator = heap("system");
    fake.files["/proc/meminfo"] = "MemTotal:  1048576 kB\nMemFree: 1 kB\nMemAvailable:  102400 kB\n"
                                  "SwapCached: 0 kB\nSwapTotal:  4096 kB\nSwapFree:  1024 kB\n";
    // A sixty-fourth of the memory is kept for those that are there.
    auto memory = allocator->alloc((85 << 20) + 1);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(memory.error().size_held(), 101u << 20);
    EXPECT_EQ(fake.last_heap_request.len, 0u) << "the heap is not asked";
    EXPECT_THAT(memory.error().message(), HasSubstr("not that much memory free"));
    EXPECT_TRUE(allocator->alloc(85 << 20));
    EXPECT_TRUE(allocator->alloc(100));
    // A contiguous heap says no by itself, and its region is not what /proc/meminfo counts.
    EXPECT_TRUE(heap("reserved")->alloc(200 << 20));
    // Where the file does not tell, the heap decides.
    fake.files["/proc/meminfo"] = "MemTotal: 1 kB\n";
    EXPECT_TRUE(heap("system")->alloc(200 << 20));
    fake.files["/proc/meminfo"] = "!13";
    EXPECT_TRUE(heap("system")->alloc(200 << 20));
}

TEST_F(DmaHeap, ManyBuffersThatTheMachineHasNotAreRefusedToo) {
    Allocator* allocator = heap("system");
    const auto has = [&](int mib) {
        fake.files["/proc/meminfo"] =
            "MemTotal: 1048576 kB\nMemAvailable: " + std::to_string(mib * 1024) + " kB\n";
    };
    std::vector<MemoryRef> memories;
    int left = 100;
    for (has(left); auto memory = allocator->alloc(6 << 20); has(left -= 6))
        memories.push_back(std::move(*memory));
    // One look for every 16 MiB: two more buffers may come before the one that sees it.
    EXPECT_GE(memories.size(), (100u - 16) / 6);
    EXPECT_LE(memories.size(), (100u - 16) / 6 + 2);
    // Whoever tries again, and with less, is refused again.
    EXPECT_FALSE(allocator->alloc(6 << 20));
    EXPECT_FALSE(allocator->alloc(5 << 20));
    has(100);
    EXPECT_TRUE(allocator->alloc(6 << 20));
}

TEST_F(DmaHeap, ANodeThatMayNotBeOpenedTellsWhoseItIs) {
    Allocator* allocator = heap("closed");
    fake.node_errors["/dev/dma_heap/closed"] = EACCES;
    fake.node_status.st_mode = S_IFCHR | 0600;
    fake.files["/proc/self/status"] = "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\n"
                                      "Groups:\t44 4321 \n";
    fake.files["/etc/passwd"] = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
    fake.files["/etc/group"] = "root:x:0:\nvideo:x:44:alice\nalice:x:1000:\n";
    auto memory = allocator->alloc(100);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::permission);
    EXPECT_EQ(memory.error().code(), EACCES);
    EXPECT_THAT(memory.error().message(),
                AllOf(HasSubstr("on /dev/dma_heap/closed: open: "), HasSubstr("EACCES"),
                      HasSubstr("belongs to root:root, mode 0600"),
                      HasSubstr("this process is alice (user 1000) in groups alice, video, 4321"),
                      HasSubstr("KERNEL==\"closed\"")));
    auto available = allocator->extension<Describes>()->available();
    ASSERT_FALSE(available);
    EXPECT_EQ(available.error().remedy(), memory.error().remedy()) << "one story wherever it is told";

    // Installing the rule lets group video in, which alice is in already; bob has to be added.
    const std::string rule =
        "echo 'SUBSYSTEM==\"dma_heap\", KERNEL==\"closed\", GROUP=\"video\", MODE=\"0640\"' | sudo tee "
        "/etc/udev/rules.d/55-hwalloc-dma-heap-closed.rules >/dev/null && sudo udevadm control --reload && "
        "sudo udevadm trigger --settle --subsystem-match=dma_heap";
    EXPECT_EQ(available.error().mend(), rule);
    fake.files["/proc/self/status"] = "Uid:\t7\t7\t7\t7\nGid:\t7\t7\t7\t7\nGroups:\t \n";
    fake.files["/etc/passwd"] = "bob:x:7:7::/home/bob:/bin/sh\n";
    EXPECT_EQ(allocator->alloc(100).error().mend(), rule + " && sudo usermod -aG video bob");
    fake.udev_runs = false;
    EXPECT_EQ(allocator->alloc(100).error().mend(), "") << "nobody would apply the rule";

    fake.node_errors.clear();
    EXPECT_TRUE(allocator->alloc(100)) << "opened as soon as it may be";
}

TEST_F(DmaHeap, AHeapThatIsGoneIsLostAndItsReturnIsNoticed) {
    Allocator* allocator = heap("comes-and-goes");
    ASSERT_TRUE(allocator->alloc(100));
    fake.alloc_result = -ENODEV;
    auto memory = allocator->alloc(100);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::device_lost);
    fake.node_errors["/dev/dma_heap/comes-and-goes"] = ENOENT;
    memory = allocator->alloc(100);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::device_lost);
    EXPECT_THAT(memory.error().message(), HasSubstr("the heap has gone"));
    fake.node_errors.clear();
    fake.alloc_result = 0;
    EXPECT_TRUE(allocator->alloc(100));
}

TEST_F(DmaHeap, MissingHeapsAreExplained) {
    fake.heaps_there = false;
    auto missing = registry.resolve("dma-heap/system");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind(), ErrorKind::unavailable);
    EXPECT_THAT(missing.error().message(),
                AllOf(HasSubstr("/dev/dma_heap"), HasSubstr("CONFIG_DMABUF_HEAPS")));
    fake.heaps_in_kernel = true;
    EXPECT_THAT(registry.resolve("dma-heap/system").error().message(), HasSubstr("container"));
    fake.heaps_there = true; // an empty directory
    EXPECT_THAT(registry.resolve("dma-heap/system").error().message(), HasSubstr("container"));
}

// Every call of allocation, map and unmap fails in turn.
TEST_F(DmaHeap, NothingIsLeftWhenACallFails) {
    Allocator* allocator = heap("fails");
    { ASSERT_TRUE(allocator->alloc(100)); }
    EXPECT_THAT(fail_each_call(ENOMEM, [&] { return alloc_and_map(*allocator); }),
                ElementsAre("ioctl", "fstat", "ioctl", "mmap", "ioctl", "ioctl"))
        << "ALLOC, fstat, SET_NAME (ignored), mmap, START, END";
}

TEST_F(DmaHeap, OpeningThatFailsLeavesNothing) {
    const auto before = open_fds();
    Allocator* allocator = heap("never-opens");
    fake.node_errors["/dev/dma_heap/never-opens"] = EMFILE;
    auto memory = allocator->alloc(100);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(open_fds(), before);
}

} // namespace
} // namespace hwalloc
