// What is refused in one thread is not seen by another: a stale copy of a MapInfo, an unlock of what is not
// locked, a map that conflicts, a handle above the limit. One thread asks for what must be refused as fast as
// it can, the other works properly and is never refused.
#include <array>
#include <atomic>
#include <barrier>
#include <thread>

#include "hooked.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

constexpr int rounds = 4000;

// Runs `wrong` in a second thread over and over until `proper` has run `rounds` times in this one.
template<class Proper, class Wrong>
void beside(const Proper& proper, const Wrong& wrong) {
    std::atomic<bool> through{false};
    std::barrier start(2);
    std::thread other([&] {
        start.arrive_and_wait();
        while (!through.load(std::memory_order_relaxed))
            wrong();
    });
    start.arrive_and_wait();
    for (int i = 0; i < rounds; ++i)
        proper();
    through = true;
    other.join();
}

MapInfo stale_map(Memory& memory, MapFlags mode) {
    MapInfo info;
    EXPECT_TRUE(ok(memory.map(info, mode)));
    const MapInfo copy = info;
    EXPECT_TRUE(ok(memory.unmap(info)));
    return copy;
}

class Refused : public ContractTest {};

TEST_P(Refused, AStaleUnmapIsNotSeenByOtherMaps) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    constexpr MapFlags R = MapFlags::read, W = MapFlags::write, RW = MapFlags::readwrite,
                       ref = MapFlags::ref_memory;
    for (auto [proper, wrong] :
         {std::pair{W, R}, {W, R | ref}, {W, RW}, {R, W}, {R | ref, W | ref}, {RW, W}}) {
        SCOPED_TRACE(static_cast<std::uint32_t>(proper));
        const MapInfo stale = stale_map(*memory, wrong);
        int refusals = 0, ended = 0;
        beside(
            [&] {
                MapInfo info;
                refusals += !memory->map(info, proper) || !memory->unmap(info);
            },
            [&] {
                MapInfo copy = stale;
                ended += memory->unmap(copy).has_value();
            });
        EXPECT_EQ(refusals, 0);
        EXPECT_EQ(ended, 0);
        EXPECT_EQ(memory->ref_count(), 1u);
        ASSERT_TRUE(idle(*memory));
    }
}

TEST_P(Refused, AStaleUnmapIsNotSeenBySharesAndCopies) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    const MapInfo stale = stale_map(*memory, MapFlags::write);
    int refusals = 0, ended = 0;
    beside(
        [&] {
            auto view = memory->share(4);
            refusals += !view || !(*view)->map(MapFlags::read);
        },
        [&] {
            MapInfo copy = stale;
            ended += memory->unmap(copy).has_value();
        });
    EXPECT_EQ(refusals, 0);
    EXPECT_EQ(ended, 0);
    ASSERT_TRUE(idle(*memory));
}

TEST_P(Refused, AnUnlockOfWhatIsNotLockedIsNotSeen) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    for (auto [proper, wrong] : {std::pair{LockFlags::write, LockFlags::read},
                                 {LockFlags::read, LockFlags::exclusive},
                                 {LockFlags::read, LockFlags::write | LockFlags::exclusive}}) {
        int refusals = 0, ended = 0;
        beside([&] { refusals += !memory->lock(proper) || !memory->unlock(proper); },
               [&] { ended += memory->unlock(wrong).has_value(); });
        EXPECT_EQ(refusals, 0);
        EXPECT_EQ(ended, 0);
        ASSERT_TRUE(idle(*memory));
    }
}

// An EXCLUSIVE lock that is held is there for its owner, whatever another unlock asks for besides.
TEST_P(Refused, AnUnlockOfAnotherModeTakesNoExclusiveLock) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    int refusals = 0, ended = 0;
    beside(
        [&] {
            refusals += !memory->lock(LockFlags::exclusive) || !memory->unlock(LockFlags::exclusive);
            refusals += !memory->lock(LockFlags::exclusive | LockFlags::write) ||
                        !memory->unlock(LockFlags::exclusive | LockFlags::write);
        },
        [&] { ended += memory->unlock(LockFlags::exclusive | LockFlags::read).has_value(); });
    EXPECT_EQ(refusals, 0);
    EXPECT_EQ(ended, 0);
    EXPECT_TRUE(idle(*memory));
}

// One that asks for both locks finds both or changes nothing: the owner loses neither alone, for no moment.
TEST_P(Refused, AnUnlockOfTwoLocksTakesBothOrNeither) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    constexpr LockFlags R = LockFlags::read, X = LockFlags::exclusive;
    int halves = 0, lost = 0, taken = 0;
    const auto owner = [&] {
        const bool locked = memory->lock(X).has_value() && memory->lock(R).has_value();
        const bool reading = memory->unlock(R).has_value(), exclusive = memory->unlock(X).has_value();
        halves += !locked || reading != exclusive;
        lost += !exclusive;
    };
    beside(
        [&] {
            for (int i = 0; i < 100; ++i)
                owner();
        },
        [&] { taken += memory->unlock(X | R).has_value(); });
    EXPECT_EQ(halves, 0);
    EXPECT_EQ(lost, taken);
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Refused, AMapInConflictIsNotSeenByTheHolder) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    auto held = memory->map(MapFlags::write);
    ASSERT_TRUE(ok(held));
    int refusals = 0, granted = 0;
    beside(
        [&] {
            refusals += !memory->map(MapFlags::write) || !memory->lock(LockFlags::write) ||
                        !memory->unlock(LockFlags::write);
        },
        [&] {
            granted += memory->map(MapFlags::read).has_value();
            granted += memory->map(MapFlags::read | MapFlags::ref_memory).has_value();
            granted += memory->map(MapFlags::readwrite).has_value();
        });
    EXPECT_EQ(refusals, 0);
    EXPECT_EQ(granted, 0);
    ASSERT_TRUE(ok(held->unmap()));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Refused, AHandleAboveTheLimitIsNotCounted) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    std::vector<MemoryRef> handles;
    while (auto handle = memory->ref())
        handles.push_back(std::move(*handle));
    int above = 0, granted = 0;
    beside([&] { above += memory->ref_count() != 4096; }, [&] { granted += memory->ref().has_value(); });
    EXPECT_EQ(above, 0);
    EXPECT_EQ(granted, 0);
}

// A copy cannot be told from the map, but one of them ends it and the other is refused.
TEST_P(Refused, AMapAndItsCopyEndItOnce) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    for (MapFlags mode : {MapFlags::read, MapFlags::write, MapFlags::readwrite}) {
        std::barrier step(2);
        MapInfo copy;
        int ended_by_copy = 0, wrong = 0;
        std::thread other([&] {
            for (int i = 0; i < rounds; ++i) {
                step.arrive_and_wait();
                ended_by_copy = memory->unmap(copy).has_value();
                step.arrive_and_wait();
            }
        });
        for (int i = 0; i < rounds; ++i) {
            MapInfo info;
            EXPECT_TRUE(ok(memory->map(info, mode)));
            copy = info;
            step.arrive_and_wait();
            const int ended = memory->unmap(info).has_value();
            step.arrive_and_wait();
            wrong += ended + ended_by_copy != 1;
        }
        other.join();
        EXPECT_EQ(wrong, 0);
        ASSERT_TRUE(idle(*memory));
    }
}

HWALLOC_OVER_MAPPING(Refused);

// While the hook of one unmap runs, the map is spoken for: a copy that comes then is refused, and the hook
// does not run for it.
class UnmapsACopyInItsHook : public HookedBlock {
public:
    using HookedBlock::HookedBlock;
    MapInfo copy;
    int ended = 0;

protected:
    Result<std::uint8_t*> mem_map(Memory&, std::size_t maxsize, MapFlags flags) noexcept override {
        return map_storage(map, flags, maxsize);
    }
    Result<void> mem_unmap(Memory& view) noexcept override {
        if (copy.memory) {
            MapInfo again = std::exchange(copy, MapInfo{});
            ended += view.unmap(again).has_value();
        }
        return unmap_storage(unmap);
    }
};

TEST(RefusedByHook, ACopyThatIsUnmappedInTheHookDoesNotRunItAgain) {
    Script script;
    {
        const AllocatorRef owner = AllocatorRef::adopt(new WithDoFree<WithDoAlloc<PlainAllocator>>(
            script,
            [](Allocator& allocator, const Geometry& geometry, Script& its) -> HookedBlock* {
                return new UnmapsACopyInItsHook(allocator, geometry, its);
            },
            0));
        auto memory = owner->alloc(16);
        ASSERT_TRUE(ok(memory));
        auto& block = static_cast<UnmapsACopyInItsHook&>((*memory)->block());
        for (MapFlags mode :
             {MapFlags::read, MapFlags::write, MapFlags::readwrite, MapFlags::read | MapFlags::ref_memory}) {
            MapInfo info;
            ASSERT_TRUE(ok((*memory)->map(info, mode)));
            block.copy = info;
            EXPECT_TRUE(ok((*memory)->unmap(info)));
            EXPECT_EQ(block.ended, 0);
            EXPECT_EQ(script.mapped, 0);
            EXPECT_EQ((*memory)->ref_count(), 1u);
            ASSERT_TRUE(idle(**memory));
        }
    }
    EXPECT_EQ(script.blocks, 0);
}

} // namespace
} // namespace hwalloc::contract
