// The fourteen traps that GStreamer's implementation falls into (gst-contract §1.13), each as this library
// decides it.
#include <array>
#include <atomic>
#include <limits>
#include <thread>

#include "hooked.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

class Trap : public ContractTest {};

TEST_P(Trap, T1_UnmappingReadwriteBeforeItsNestedReadLeavesNothingStuck) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    MapInfo outer, inner;
    ASSERT_TRUE(ok(memory->map(outer, MapFlags::readwrite)));
    ASSERT_TRUE(ok(memory->map(inner, MapFlags::read)));
    ASSERT_TRUE(ok(memory->unmap(outer)));
    EXPECT_TRUE(ok(memory->share())) << "what is left is a READ map, and sharing goes with that";
    EXPECT_TRUE(refused(memory->map(MapFlags::write), ErrorKind::conflict));
    ASSERT_TRUE(ok(memory->unmap(inner)));
    EXPECT_TRUE(ok(memory->share()));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Trap, T2_ManyNestedMapsAreCountedAndLimited) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    std::vector<MapInfo> maps(300); // where upstream's count of 255 runs over
    for (MapInfo& info : maps)
        ASSERT_TRUE(ok(memory->map(info, MapFlags::read)));
    EXPECT_TRUE(memory->is_writable());
    for (MapInfo& info : maps)
        ASSERT_TRUE(ok(memory->unmap(info)));
    EXPECT_TRUE(idle(*memory)) << "and limits_test reaches the limits themselves";
}

TEST_P(Trap, T3_TheLastHandleGoingWhileMappedIsFine) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    auto mapping = memory->map(MapFlags::readwrite);
    ASSERT_TRUE(ok(mapping));
    memory.reset();
    EXPECT_EQ(mapping->data()[15], 16);
    EXPECT_TRUE(ok(mapping->unmap())); // TearDown sees that the memory is gone
}

TEST_P(Trap, T4_SharingAChildWhileTheRootIsWrittenFailsCleanly) {
    auto root = make(16);
    ASSERT_TRUE(root);
    auto child = root->share();
    ASSERT_TRUE(ok(child));
    {
        auto writing = root->map(MapFlags::write);
        ASSERT_TRUE(ok(writing));
        EXPECT_TRUE(refused((*child)->share(), ErrorKind::conflict));
    }
    EXPECT_TRUE(root->is_writable());
    auto grandchild = (*child)->share();
    ASSERT_TRUE(ok(grandchild));
    EXPECT_FALSE(root->is_writable());
    grandchild->reset();
    child->reset();
    EXPECT_TRUE(idle(*root)) << "no count ran under";
}

TEST(TrapHooks, T5_MissingHooksAreErrors) {
    Script script;
    const AllocatorRef owner = make_hooked(script, bit(do_alloc));
    auto memory = owner->alloc(16);
    ASSERT_TRUE(ok(memory));
    EXPECT_TRUE(refused((*memory)->map(MapFlags::read), ErrorKind::unsupported));
    EXPECT_TRUE(ok((*memory)->share())) << "the core makes the share";
    EXPECT_TRUE(refused((*memory)->copy(), ErrorKind::unsupported));
    Script nothing;
    EXPECT_TRUE(refused(make_hooked(nothing, 0)->alloc(16), ErrorKind::unsupported));
}

TEST(TrapHooks, T6_ACopyWithoutMemoryIsAnError) {
    Script script;
    const AllocatorRef owner = make_hooked(script, bit(do_alloc) | bit(map));
    auto memory = owner->alloc(16);
    ASSERT_TRUE(ok(memory));
    script.failing = bit(do_alloc);
    EXPECT_TRUE(refused((*memory)->copy(), ErrorKind::device_lost));
    script.failing = 0;
    script.empty = bit(do_alloc);
    EXPECT_TRUE(refused((*memory)->copy(), ErrorKind::unsupported)) << "a hook that gives null";
    EXPECT_TRUE(idle(**memory));
}

TEST_P(Trap, T7_RangesAreCheckedWithoutWrapping) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    for (auto [offset, size] :
         {std::pair{std::size_t{20}, whole}, {0, std::size_t{1000}}, {huge, 1}, {huge, 2}, {8, huge - 4}}) {
        EXPECT_TRUE(refused(memory->share(offset, size), ErrorKind::invalid));
        EXPECT_TRUE(refused(memory->copy(offset, size), ErrorKind::invalid));
    }
    EXPECT_TRUE(refused(memory->resize(1, huge), ErrorKind::invalid));
    EXPECT_TRUE(refused(memory->resize(-1, 1), ErrorKind::invalid));
    EXPECT_EQ(memory->size(), 16u);
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Trap, T8_SumsThatWrapAreRejected) {
    if (!self().claims.alloc)
        return;
    EXPECT_TRUE(refused(allocator().alloc(100, {.prefix = huge - 50}), ErrorKind::limit));
    EXPECT_TRUE(refused(allocator().alloc(100, {.prefix = huge - 99, .padding = 100}), ErrorKind::limit));
}

TEST_P(Trap, T9_AlignmentIsOfTheRegionAsDocumented) {
    if (!self().claims.alloc)
        return;
    auto memory = make(100, {.align = 63, .prefix = 10});
    ASSERT_TRUE(memory);
    auto mapping = memory->map(MapFlags::read);
    ASSERT_TRUE(ok(mapping));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping->data()) & 63u, 10u);
}

TEST_P(Trap, T10_AShareClaimsZeroOnlyWhereThereIsZero) {
    if (!self().claims.alloc)
        return;
    auto memory = make(
        100, {.flags = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded, .prefix = 8, .padding = 8});
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    auto middle = memory->share(10, 10);
    ASSERT_TRUE(ok(middle));
    EXPECT_FALSE(has_any((*middle)->flags(), MemoryFlags::zero_prefixed | MemoryFlags::zero_padded));
}

TEST_P(Trap, T11_AMapWithoutAccessIsRejected) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    EXPECT_TRUE(refused(memory->map(MapFlags::none), ErrorKind::invalid));
    EXPECT_TRUE(refused(memory->map(MapFlags::ref_memory), ErrorKind::invalid));
    EXPECT_EQ(memory->ref_count(), 1u);
}

TEST_P(Trap, T12_TheParentMayBeWrittenWhileAChildIsRead) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    auto child = memory->share();
    ASSERT_TRUE(ok(child));
    auto reading = (*child)->map(MapFlags::read);
    ASSERT_TRUE(ok(reading));
    EXPECT_TRUE(ok(memory->map(MapFlags::write)));
    EXPECT_TRUE(ok(memory->map(MapFlags::readwrite)));
}

TEST_P(Trap, T13_UnmapOfAnotherMemorysMapReleasesNothing) {
    auto memory = make(16), other = make(16);
    ASSERT_TRUE(memory && other);
    MapInfo info, info_of_other;
    ASSERT_TRUE(ok(memory->map(info, MapFlags::write)));
    ASSERT_TRUE(ok(other->map(info_of_other, MapFlags::write)));
    EXPECT_TRUE(refused(other->unmap(info), ErrorKind::invalid));
    EXPECT_FALSE(idle(*memory));
    EXPECT_FALSE(idle(*other));
    ASSERT_TRUE(ok(memory->unmap(info)));
    ASSERT_TRUE(ok(other->unmap(info_of_other)));
    EXPECT_TRUE(idle(*memory));
    EXPECT_TRUE(idle(*other));
}

HWALLOC_OVER_MAPPING(Trap);

TEST(TrapRegistry, T14_TheDefaultMayChangeWhileOthersAllocateAndCopy) {
    const AllocatorRef original(Allocator::find());
    const std::array candidates{original, AllocatorRef(Allocator::find("contract-app/plain")),
                                AllocatorRef(Allocator::find("contract-app/full"))};
    std::atomic<bool> stop{false};
    std::atomic<int> refusals{0};
    std::array<std::thread, 2> workers;
    for (std::thread& worker : workers)
        worker = std::thread([&] {
            while (!stop.load(std::memory_order_relaxed)) {
                auto memory = alloc(64);
                if (!memory || !(*memory)->copy())
                    refusals.fetch_add(1);
            }
        });
    for (std::size_t i = 0; i < 2000; ++i)
        EXPECT_TRUE(ok(Allocator::set_default(candidates[i % candidates.size()])));
    stop = true;
    for (std::thread& worker : workers)
        worker.join();
    EXPECT_EQ(refusals, 0);
    EXPECT_TRUE(ok(Allocator::set_default(original)));
    EXPECT_EQ(registered_script().blocks, 0);
}

} // namespace
} // namespace hwalloc::contract
