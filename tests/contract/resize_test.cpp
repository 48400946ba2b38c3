// resize (gst-contract §1.8): the window that moves within its region.
#include <limits>

#include "support.h"

namespace hwalloc::contract {
namespace {

class Resize : public ContractTest {};

TEST_P(Resize, MovesTheWindowWithinTheRegion) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    fill(*memory, 0);
    ASSERT_TRUE(ok(memory->resize(10, 50)));
    EXPECT_EQ(memory->offset(), 10u);
    EXPECT_EQ(contents(*memory), counting(50, 10));
    ASSERT_TRUE(ok(memory->resize(-4, 4)));
    EXPECT_EQ(contents(*memory), counting(4, 6));
    ASSERT_TRUE(ok(memory->resize(0, memory->maxsize() - 6))) << "into the slack";
    ASSERT_TRUE(ok(memory->resize(-6, memory->maxsize())));
    ASSERT_TRUE(ok(memory->resize(static_cast<std::ptrdiff_t>(memory->maxsize()), 0))) << "to the very end";
    EXPECT_EQ(contents(*memory).size(), 0u);
}

TEST_P(Resize, OutsideTheRegionIsRefusedAndChangesNothing) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    ASSERT_TRUE(ok(memory->resize(10, 50)));
    const auto region = static_cast<std::ptrdiff_t>(memory->maxsize());
    const std::size_t left = memory->maxsize() - 10;
    const auto most = std::numeric_limits<std::ptrdiff_t>::max();
    for (auto [delta, size] : {std::pair{std::ptrdiff_t{0}, left + 1},
                               {-11, 1},
                               {-10, left + 11},
                               {1, left},
                               {region, 0},
                               {0, huge},
                               {1, huge},
                               {-10, huge},
                               {1, huge - 10},
                               {most, 0},
                               {most, huge},
                               {-most, 0},
                               {-most - 1, 0},
                               {-most - 1, huge}}) {
        EXPECT_TRUE(refused(memory->resize(delta, size), ErrorKind::invalid)) << delta << " " << size;
        EXPECT_EQ(memory->offset(), 10u);
        EXPECT_EQ(memory->size(), 50u);
    }
}

TEST_P(Resize, NeedsFewerThanTwoShares) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    auto first = memory->share(0, 4);
    ASSERT_TRUE(ok(first));
    EXPECT_TRUE(ok(memory->resize(1, 50)));
    EXPECT_EQ((*first)->offset(), 0u) << "a share stays where it is";
    EXPECT_TRUE(ok((*first)->resize(2, 2))) << "and can be resized itself";
    auto second = memory->share();
    ASSERT_TRUE(ok(second));
    EXPECT_TRUE(refused(memory->resize(0, 10), ErrorKind::conflict));
    EXPECT_TRUE(refused(memory->resize(0, 50), ErrorKind::conflict)) << "even without a change";
}

TEST_P(Resize, LeavesExistingMapsAlone) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    auto mapping = memory->map(MapFlags::readwrite);
    ASSERT_TRUE(ok(mapping));
    ASSERT_TRUE(ok(memory->resize(20, 10)));
    EXPECT_EQ(mapping->size(), 100u);
    auto later = memory->map(MapFlags::read);
    ASSERT_TRUE(ok(later));
    EXPECT_EQ(later->size(), 10u);
    EXPECT_EQ(later->data(), mapping->data() + 20);
    ASSERT_TRUE(ok(mapping->unmap()) && ok(later->unmap()));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Resize, WorksOnReadonlyMemoryAndDropsUntrueZeroFlags) {
    if (!self().claims.alloc)
        return;
    const auto flags = zeroed | MemoryFlags::readonly;
    const auto after = [&](std::ptrdiff_t delta, std::size_t size) {
        auto memory = make(100, {.flags = flags, .prefix = 10, .padding = 10});
        EXPECT_TRUE(memory && ok(memory->resize(delta, size)));
        return memory->flags();
    };
    EXPECT_EQ(after(0, 100), flags);
    EXPECT_EQ(after(-5, 105), flags);
    EXPECT_EQ(after(0, 105), flags);
    EXPECT_EQ(after(-5, 115), flags);
    EXPECT_EQ(after(1, 99), flags & ~MemoryFlags::zero_prefixed);
    EXPECT_EQ(after(0, 99), flags & ~MemoryFlags::zero_padded);
    EXPECT_EQ(after(-5, 104), flags & ~MemoryFlags::zero_padded);
    EXPECT_EQ(after(1, 98), MemoryFlags::readonly);
}

HWALLOC_OVER_MAPPING(Resize);

} // namespace
} // namespace hwalloc::contract
