#include "backends/sysmem/thread_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "hwalloc/allocator.h"

namespace hwalloc::sysmem {
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

ThreadCache::Piece fresh(SizeClass size) {
    void* raw = std::aligned_alloc(SizeClass::unit, size.bytes());
    return {raw, raw};
}

// What the calling thread holds of that class, which it holds no more afterwards.
std::size_t take_all(SizeClass size) {
    std::size_t count = 0;
    for (auto piece = ThreadCache::take(size); piece.raw; piece = ThreadCache::take(size)) {
        std::free(piece.raw);
        ++count;
    }
    return count;
}

// Each in a thread of its own: a cache that starts empty and goes with the thread.
template<class F>
void in_a_thread(F&& f) {
    std::thread(std::forward<F>(f)).join();
}

TEST(ThreadCache, HoldsNoMoreThanItsLimit) {
    in_a_thread([] {
        (void)ThreadCache::take(SizeClass::of(64));
        const SizeClass size = SizeClass::of(4231);
        const std::size_t most = ThreadCache::most_held / size.bytes();
        for (std::size_t i = 0; i < most; ++i)
            ThreadCache::give(fresh(size), size);
        EXPECT_EQ(take_all(size), most);
        for (std::size_t i = 0; i < 10 * most + 3; ++i)
            ThreadCache::give(fresh(size), size);
        const std::size_t held = take_all(size);
        EXPECT_GT(held, 0u);
        EXPECT_LE(held, most);
    });
}

TEST(ThreadCache, OneSizeDoesNotKeepAnotherOut) {
    in_a_thread([] {
        (void)ThreadCache::take(SizeClass::of(64));
        const SizeClass large = SizeClass::of(ThreadCache::largest), small = SizeClass::of(64);
        for (std::size_t i = 0; i < ThreadCache::most_held / large.bytes(); ++i)
            ThreadCache::give(fresh(large), large);
        ThreadCache::give(fresh(small), small);
        EXPECT_EQ(take_all(small), 1u);
        EXPECT_EQ(take_all(large), 0u);
    });
}

TEST(ThreadCache, AThreadThatOnlyFreesKeepsNothing) {
    const SizeClass size = SizeClass::of(100);
    in_a_thread([&] {
        ThreadCache::give(fresh(size), size);
        EXPECT_EQ(take_all(size), 0u);
    });
}

TEST(ThreadCache, NothingIsKeptBeforeTheFirstGiveNorShared) {
    const SizeClass size = SizeClass::of(100);
    in_a_thread([&] {
        EXPECT_EQ(ThreadCache::take(size).raw, nullptr);
        ThreadCache::give(fresh(size), size);
        in_a_thread([&] { EXPECT_EQ(ThreadCache::take(size).raw, nullptr); });
        EXPECT_EQ(take_all(size), 1u);
    });
}

TEST(ThreadCache, MemoryIsUsedAgainInTheThreadThatFreedIt) {
    if (!cache_enabled)
        GTEST_SKIP() << "built without the cache of sysmem";
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
} // namespace hwalloc::sysmem
