#include "common/thread_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <thread>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/block.h"

namespace hwalloc {
namespace {

TEST(SizeClass, RoundsUpByAtMostAnEighth) {
    std::uint32_t last = 0;
    for (std::size_t bytes = 1; bytes <= ThreadCache::largest; ++bytes) {
        const SizeClass size = SizeClass::of(bytes);
        ASSERT_GE(size.bytes(), bytes);
        ASSERT_LE(size.bytes() - bytes, bytes <= 1024 ? 63 : bytes / 8) << bytes;
        ASSERT_LT(size.index, SizeClass::count_up_to(ThreadCache::largest));
        ASSERT_GE(size.index, last) << bytes;
        ASSERT_EQ(SizeClass::of(size.bytes()).index, size.index) << bytes;
        last = size.index;
    }
    EXPECT_EQ(last, SizeClass::count_up_to(ThreadCache::largest) - 1);
}

using Shelf = ThreadCache::Shelf;

TEST(ThreadCache, ShelvesHoldWhatTheirClassDoes) {
    for (std::size_t bytes = 1; bytes <= ThreadCache::largest; ++bytes) {
        const Shelf shelf = Shelf::of(bytes);
        ASSERT_EQ(shelf.index, SizeClass::of(bytes).index) << bytes;
        ASSERT_EQ(shelf.bytes, SizeClass::of(bytes).bytes()) << bytes;
        ASSERT_NE(shelf.index, ThreadCache::views.index) << bytes;
        ASSERT_TRUE(shelf.some());
    }
    EXPECT_FALSE(Shelf::none().some());
}

ThreadCache::Piece& fresh(Shelf shelf) {
    void* raw = std::malloc(shelf.bytes);
    auto* piece = new (raw) ThreadCache::Piece;
    piece->raw = raw;
    return *piece;
}

// What the calling thread holds on that shelf, where it holds no more afterwards.
std::size_t take_all(Shelf shelf) {
    std::size_t count = 0;
    while (ThreadCache::Piece* piece = ThreadCache::take(shelf)) {
        std::free(piece->raw);
        ++count;
    }
    return count;
}

// Each in a thread of its own: a cache that starts empty and goes with the thread.
template<class F>
void in_a_thread(F&& f) {
    std::thread(std::forward<F>(f)).join();
}

class KeptPieces : public ::testing::Test {
protected:
    void SetUp() override {
        if (!ThreadCache::enabled)
            GTEST_SKIP() << "built without what threads keep";
    }
};

TEST_F(KeptPieces, AreNoMoreThanTheLimit) {
    in_a_thread([] {
        ThreadCache::missed();
        const Shelf shelf = Shelf::of(4231);
        const std::size_t most = ThreadCache::most_held / shelf.bytes;
        for (std::size_t i = 0; i < most; ++i)
            ThreadCache::give(fresh(shelf), shelf);
        EXPECT_EQ(take_all(shelf), most);
        for (std::size_t i = 0; i < 10 * most + 3; ++i)
            ThreadCache::give(fresh(shelf), shelf);
        const std::size_t held = take_all(shelf);
        EXPECT_GT(held, 0u);
        EXPECT_LE(held, most);
    });
}

TEST_F(KeptPieces, OfOneSizeDoNotKeepAnotherOut) {
    in_a_thread([] {
        ThreadCache::missed();
        const Shelf large = Shelf::of(ThreadCache::largest), small = Shelf::of(64);
        for (const Shelf other : {small, ThreadCache::views}) {
            for (std::size_t i = 0; i < ThreadCache::most_held / large.bytes; ++i)
                ThreadCache::give(fresh(large), large);
            ThreadCache::give(fresh(other), other);
            EXPECT_EQ(take_all(other), 1u);
            EXPECT_EQ(take_all(large), 0u);
        }
    });
}

TEST_F(KeptPieces, AreNoneInAThreadThatOnlyFrees) {
    const Shelf shelf = Shelf::of(100);
    in_a_thread([&] {
        ThreadCache::give(fresh(shelf), shelf);
        EXPECT_EQ(take_all(shelf), 0u);
    });
}

TEST_F(KeptPieces, AreNotSharedByThreads) {
    const Shelf shelf = Shelf::of(100);
    in_a_thread([&] {
        ThreadCache::missed();
        ThreadCache::give(fresh(shelf), shelf);
        in_a_thread([&] { EXPECT_EQ(ThreadCache::take(shelf), nullptr); });
        EXPECT_EQ(take_all(shelf), 1u);
    });
}

TEST_F(KeptPieces, ComeBackAsTheyWere) {
    const Shelf shelf = Shelf::of(100);
    in_a_thread([&] {
        ThreadCache::missed();
        ThreadCache::Piece& piece = fresh(shelf);
        auto* bytes = reinterpret_cast<std::uint8_t*>(&piece + 1);
        std::memset(bytes, 0xa5, 8);
        ThreadCache::give(piece, shelf);
        ASSERT_EQ(ThreadCache::take(shelf), &piece);
        for (int i = 0; i < 8; ++i)
            EXPECT_EQ(bytes[i], 0xa5);
        std::free(piece.raw);
    });
}

TEST_F(KeptPieces, AreUsedAgainInTheThreadThatFreedThem) {
    auto memory = alloc(5000);
    ASSERT_TRUE(memory);
    const Memory* address = memory->get();
    in_a_thread([&] {
        EXPECT_TRUE(alloc(100)); // here the thread's cache begins
        memory->reset();
        auto again = alloc(5000);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->get(), address);
    });
}

// Memory that is given out again is as new in all that can be asked of it, whatever it was before.
TEST(ThreadCache, MemoryUsedAgainIsAsNew) {
    static int destroyed;
    destroyed = 0;
    const Notify destroy = [](void* data) { ++*static_cast<int*>(data); };
    const AllocationParams special{
        .flags = MemoryFlags::readonly | MemoryFlags::no_share, .align = 255, .prefix = 10, .padding = 20};
    for (int round = 0; round < 4; ++round) {
        auto before = alloc(3000, special);
        ASSERT_TRUE(before);
        EXPECT_EQ((*before)->flags(), special.flags);
        EXPECT_EQ((*before)->align(), 255u);
        EXPECT_EQ((*before)->offset(), 10u);
        auto mapping = (*before)->map(MapFlags::read | MapFlags::ref_memory);
        ASSERT_TRUE(mapping);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping->data() - 10) % 256, 0u);
        EXPECT_EQ((*before)->block().user_data(destroy), nullptr) << "round " << round;
        EXPECT_TRUE((*before)->block().set_user_data(&destroyed, destroy));
        before->reset();
        EXPECT_EQ(destroyed, round);
        (void)mapping->unmap(); // ends the memory
        EXPECT_EQ(destroyed, round + 1);

        auto after = alloc(3100); // of the same class
        ASSERT_TRUE(after);
        EXPECT_EQ((*after)->flags(), MemoryFlags::none);
        EXPECT_EQ((*after)->align(), 7u);
        EXPECT_EQ((*after)->offset(), 0u);
        EXPECT_EQ((*after)->size(), 3100u);
        EXPECT_EQ((*after)->maxsize(), 3107u);
        EXPECT_EQ((*after)->ref_count(), 1u);
        EXPECT_TRUE((*after)->is_writable());
        EXPECT_EQ((*after)->block().user_data(destroy), nullptr);
        EXPECT_TRUE((*after)->map(MapFlags::write));
        {
            auto share = (*after)->share(5, 6);
            ASSERT_TRUE(share);
            EXPECT_EQ((*share)->offset(), 5u);
            EXPECT_EQ((*share)->size(), 6u);
            EXPECT_EQ((*share)->ref_count(), 1u);
            EXPECT_EQ((*share)->parent(), after->get());
        }
        auto share = (*after)->share();
        ASSERT_TRUE(share);
        EXPECT_EQ((*share)->size(), 3100u);
        EXPECT_EQ((*share)->offset(), 0u);
    }
}

TEST(ThreadCache, SharesEndInAnyThread) {
    auto memory = alloc(100);
    ASSERT_TRUE(memory);
    for (int round = 0; round < 3; ++round) {
        std::vector<MemoryRef> shares;
        for (int i = 0; i < 2000; ++i) { // more than a thread keeps
            auto share = (*memory)->share(static_cast<std::size_t>(i) % 100, 1);
            ASSERT_TRUE(share);
            shares.push_back(std::move(*share));
        }
        EXPECT_FALSE((*memory)->is_writable());
        if (round == 1)
            in_a_thread([&] { shares.clear(); });
        else
            shares.clear();
        EXPECT_TRUE((*memory)->is_writable());
    }
}

TEST(ThreadCache, ZeroFlagsHoldOnMemoryUsedAgain) {
    for (int round = 0; round < 2; ++round) {
        const AllocationParams params{
            .flags = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded, .prefix = 100, .padding = 200};
        auto memory = alloc(3000, params);
        ASSERT_TRUE(memory);
        auto mapping = (*memory)->map(MapFlags::readwrite);
        ASSERT_TRUE(mapping);
        std::uint8_t* region = mapping->data() - 100;
        const std::size_t maxsize = (*memory)->maxsize();
        for (std::size_t i = 0; i < maxsize; ++i)
            if (i < 100 || i >= 3100) {
                ASSERT_EQ(region[i], 0) << "round " << round << ", byte " << i;
            }
        std::memset(region, 0xff, maxsize);
    }
}

// Destroyed after the cache of its thread, when it was made before the thread freed anything.
struct LateFree {
    std::optional<MemoryRef> held;
    ~LateFree() {
        held.reset();
        (void)alloc(5000); // and once more, with nothing to keep it in
    }
};

TEST(ThreadCache, FreesWhileAndAfterAThreadEnds) {
    in_a_thread([] {
        static thread_local LateFree late;
        auto memory = alloc(5000);
        ASSERT_TRUE(memory);
        late.held = std::move(*memory);
        (void)alloc(5000); // freed at once: here the thread's cache begins
    });
}

} // namespace
} // namespace hwalloc
