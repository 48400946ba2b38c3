// The defined limits of the counters (memory.h), each reached, refused with "limit" at exactly the next step,
// and left behind with the memory as usable as before. And the sizes of the public objects.
#include "hwalloc/block.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

static_assert(sizeof(Error) <= 16);
static_assert(sizeof(Memory) <= 56);
static_assert(sizeof(Block) <= 128);
static_assert(sizeof(MemoryRef) == sizeof(void*));

constexpr std::size_t max_handles = 4096, max_shares = 131071, max_reads = 8192, max_writes = 1023,
                      max_readwrites = 1023;

class Limits : public ContractTest {};

TEST_P(Limits, Handles) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    std::vector<MemoryRef> handles;
    for (std::size_t count = 1; count < max_handles; ++count) {
        auto handle = memory->ref();
        ASSERT_TRUE(ok(handle)) << count;
        handles.push_back(std::move(*handle));
    }
    EXPECT_EQ(memory->ref_count(), max_handles);
    EXPECT_TRUE(refused(memory->ref(), ErrorKind::limit));
    MapInfo info;
    EXPECT_TRUE(refused(memory->map(info, MapFlags::write | MapFlags::ref_memory), ErrorKind::limit));
    EXPECT_EQ(info.memory, nullptr);
    EXPECT_EQ(memory->ref_count(), max_handles);
    EXPECT_TRUE(ok(memory->map(MapFlags::write))) << "no lock was left";
    handles.pop_back();
    EXPECT_TRUE(ok(memory->map(MapFlags::write | MapFlags::ref_memory)));
    handles.clear();
    EXPECT_EQ(memory->ref_count(), 1u);
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Limits, Maps) {
    for (auto [mode, most] : {std::pair{MapFlags::read, max_reads},
                              {MapFlags::write, max_writes},
                              {MapFlags::readwrite, max_readwrites}}) {
        auto memory = make(16);
        ASSERT_TRUE(memory);
        std::vector<MapInfo> maps(most);
        for (MapInfo& info : maps)
            ASSERT_TRUE(ok(memory->map(info, mode))) << &info - maps.data();
        for (int again = 0; again < 3; ++again) {
            MapInfo info;
            EXPECT_TRUE(refused(memory->map(info, mode), ErrorKind::limit));
            EXPECT_EQ(info.memory, nullptr);
            EXPECT_TRUE(refused(memory->lock(static_cast<LockFlags>(mode)), ErrorKind::limit));
        }
        EXPECT_EQ(memory->ref_count(), 1u);
        EXPECT_TRUE(memory->is_writable());
        ASSERT_TRUE(ok(memory->unmap(maps.back())));
        EXPECT_TRUE(ok(memory->map(mode))) << "one less, one more";
        maps.pop_back();
        for (MapInfo& info : maps)
            ASSERT_TRUE(ok(memory->unmap(info)));
        EXPECT_TRUE(idle(*memory));
        fill(*memory, 1);
        EXPECT_EQ(contents(*memory), counting(16, 1));
    }
}

TEST_P(Limits, AreThoseOfEachModeUnderReadwrite) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    auto held = memory->map(MapFlags::readwrite);
    ASSERT_TRUE(ok(held));
    for (auto [mode, most] : {std::pair{LockFlags::read, max_reads},
                              {LockFlags::write, max_writes},
                              {LockFlags::readwrite, max_readwrites - 1}})
        for (std::size_t count = 0; count < most; ++count)
            ASSERT_TRUE(ok(memory->lock(mode)));
    // Every field is full, and none has run over into its neighbour.
    for (auto mode : {MapFlags::read, MapFlags::write, MapFlags::readwrite})
        EXPECT_TRUE(refused(memory->map(mode), ErrorKind::limit));
    EXPECT_EQ(memory->ref_count(), 1u);
    EXPECT_TRUE(memory->is_writable());
    for (auto [mode, most] : {std::pair{LockFlags::read, max_reads},
                              {LockFlags::write, max_writes},
                              {LockFlags::readwrite, max_readwrites - 1}})
        for (std::size_t count = 0; count < most; ++count)
            ASSERT_TRUE(ok(memory->unlock(mode)));
    ASSERT_TRUE(ok(held->unmap()));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Limits, SharesAndExclusiveLocksTogether) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    auto first = memory->share();
    ASSERT_TRUE(ok(first));
    for (std::size_t count = 1; count < max_shares; ++count)
        ASSERT_TRUE(ok(memory->lock(LockFlags::exclusive))) << count;
    EXPECT_TRUE(refused(memory->share(), ErrorKind::limit));
    EXPECT_TRUE(refused((*first)->share(), ErrorKind::limit)) << "a share of a share counts at the root";
    EXPECT_TRUE(refused(memory->lock(LockFlags::exclusive), ErrorKind::limit));
    EXPECT_TRUE(refused(memory->lock(LockFlags::exclusive | LockFlags::read), ErrorKind::limit));
    EXPECT_FALSE(memory->is_writable());
    EXPECT_TRUE(ok(memory->map(MapFlags::read)));
    ASSERT_TRUE(ok(memory->unlock(LockFlags::exclusive)));
    EXPECT_TRUE(ok(memory->share()));
    for (std::size_t count = 2; count < max_shares; ++count)
        ASSERT_TRUE(ok(memory->unlock(LockFlags::exclusive)));
    first->reset();
    EXPECT_TRUE(idle(*memory));
}

HWALLOC_OVER_MAPPING(Limits);

TEST(SysmemLimits, SharesOfOneMemory) {
    auto memory = Allocator::find("sysmem")->alloc(16);
    ASSERT_TRUE(ok(memory));
    std::vector<MemoryRef> views;
    for (std::size_t count = 0; count < max_shares; ++count) {
        auto view = (views.empty() ? **memory : *views.back()).share();
        ASSERT_TRUE(ok(view)) << count;
        views.push_back(std::move(*view));
    }
    EXPECT_TRUE(refused((*memory)->share(), ErrorKind::limit));
    memory->reset();
    EXPECT_EQ(contents(*views.back()).size(), 16u);
    EXPECT_TRUE(refused(views.back()->share(), ErrorKind::limit));
    while (views.size() > 1)
        views.pop_back();
    EXPECT_EQ(contents(*views.back()).size(), 16u);
}

} // namespace
} // namespace hwalloc::contract
