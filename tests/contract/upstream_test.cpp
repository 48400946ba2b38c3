// Every case of GStreamer's gstmemory.c (gst-contract §2.1), each under its own name and over every
// allocator. What differs from upstream is said where it does.
#include <algorithm>
#include <array>

#include "hooked.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

class Upstream : public ContractTest {};

TEST_P(Upstream, test_submemory) {
    auto memory = make(4);
    ASSERT_TRUE(memory);
    EXPECT_GE(memory->maxsize(), 4u);
    fill(*memory, 1);
    {
        auto mapping = memory->map(MapFlags::read);
        ASSERT_TRUE(ok(mapping));
        EXPECT_EQ(mapping->size(), 4u);
        auto sub = memory->share(1, 2);
        ASSERT_TRUE(ok(sub));
        EXPECT_EQ((*sub)->ref_count(), 1u);
        auto sub_mapping = (*sub)->map(MapFlags::read);
        ASSERT_TRUE(ok(sub_mapping));
        EXPECT_EQ(sub_mapping->size(), 2u);
        EXPECT_EQ(std::memcmp(sub_mapping->data(), mapping->data() + 1, 2), 0);
        auto empty = memory->share(1, 0);
        ASSERT_TRUE(ok(empty));
        auto empty_mapping = (*empty)->map(MapFlags::read);
        ASSERT_TRUE(ok(empty_mapping));
        EXPECT_EQ(empty_mapping->size(), 0u);
        for (std::size_t size : {1u, 4u}) {
            auto part = memory->share(0, size);
            ASSERT_TRUE(ok(part));
            EXPECT_EQ((*part)->size(), size);
        }
    }
    auto writing = memory->map(MapFlags::write);
    ASSERT_TRUE(ok(writing));
    EXPECT_TRUE(refused(memory->share(1, 2), ErrorKind::conflict));
}

TEST_P(Upstream, test_submemory_writable) {
    auto memory = make(8, {.flags = MemoryFlags::readonly});
    ASSERT_TRUE(memory);
    auto sub = memory->share(0, 8);
    ASSERT_TRUE(ok(sub));
    EXPECT_TRUE(has((*sub)->flags(), MemoryFlags::readonly));
    if (has(memory->flags(), MemoryFlags::readonly)) { // an import takes no params
        EXPECT_TRUE(refused(memory->map(MapFlags::write), ErrorKind::conflict));
    }
    EXPECT_TRUE(refused((*sub)->map(MapFlags::write), ErrorKind::conflict));
}

TEST_P(Upstream, test_writable) {
    if (!self().claims.alloc)
        return;
    auto memory = make(8, {.flags = MemoryFlags::readonly});
    ASSERT_TRUE(memory);
    EXPECT_TRUE(refused(memory->map(MapFlags::write), ErrorKind::conflict));
    EXPECT_TRUE(ok(memory->map(MapFlags::read)));
    EXPECT_TRUE(refused(memory->map(MapFlags::write), ErrorKind::conflict)) << "the lock state is unharmed";
    auto copied = memory->copy();
    ASSERT_TRUE(ok(copied));
    EXPECT_FALSE(has((*copied)->flags(), MemoryFlags::readonly));
    EXPECT_TRUE(ok((*copied)->map(MapFlags::write)));
    {
        auto extra = (*copied)->ref();
        ASSERT_TRUE(ok(extra));
        EXPECT_TRUE(refused(memory->map(MapFlags::write), ErrorKind::conflict));
    }
    EXPECT_TRUE(ok((*copied)->map(MapFlags::write)));
}

TEST_P(Upstream, test_is_span) {
    auto memory = make(8);
    ASSERT_TRUE(memory);
    auto first = memory->share(0, 4), second = memory->share(4, 4);
    ASSERT_TRUE(ok(first) && ok(second));
    std::size_t offset = 777;
    EXPECT_TRUE(Memory::is_span(**first, **second, &offset));
    EXPECT_EQ(offset, 0u);
    EXPECT_TRUE(Memory::is_span(**first, **second));
    EXPECT_FALSE(Memory::is_span(*memory, **second));
    EXPECT_FALSE(Memory::is_span(**second, *memory));
}

TEST_P(Upstream, test_copy) {
    Allocator* const target = self().claims.alloc ? nullptr : Allocator::find();
    auto memory = make(4);
    ASSERT_TRUE(memory);
    auto copied = memory->copy(0, whole, target);
    ASSERT_TRUE(ok(copied));
    EXPECT_NE(copied->get(), memory.get());
    EXPECT_EQ(memory->ref_count(), 1u);
    EXPECT_EQ((*copied)->ref_count(), 1u);
    {
        auto a = memory->map(MapFlags::read), b = (*copied)->map(MapFlags::read);
        ASSERT_TRUE(ok(a) && ok(b));
        EXPECT_EQ(a->size(), b->size());
    }
    ASSERT_TRUE(ok(memory->resize(0, 0)));
    EXPECT_EQ(contents(*memory).size(), 0u);
    auto empty = memory->copy(0, whole, target);
    if (!empty) { // where a backend cannot
        EXPECT_EQ(empty.error().kind(), ErrorKind::unsupported);
        return;
    }
    EXPECT_EQ((*empty)->size(), 0u);
}

TEST_P(Upstream, test_try_new_and_alloc) {
    if (!self().claims.alloc)
        return;
    if (auto empty = allocator().alloc(0)) {
        auto mapping = (*empty)->map(MapFlags::read);
        ASSERT_TRUE(ok(mapping));
        EXPECT_EQ(mapping->size(), 0u);
    } else {
        EXPECT_EQ(empty.error().kind(), ErrorKind::unsupported);
    }
    auto memory = make(640 * 480 * 4);
    ASSERT_TRUE(memory);
    auto mapping = memory->map(MapFlags::write);
    ASSERT_TRUE(ok(mapping));
    ASSERT_NE(mapping->data(), nullptr);
    EXPECT_EQ(mapping->size(), 640u * 480 * 4);
    std::memset(mapping->data() + 640 * 479 * 4, 0xff, 640 * 4);
}

TEST_P(Upstream, test_resize) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    const std::size_t maxsize = memory->maxsize();
    ASSERT_GE(maxsize, 100u);
    const auto step = [&](std::ptrdiff_t delta, std::size_t size, bool done, std::size_t offset) {
        const Memory::Sizes before = memory->get_sizes();
        const auto resized = memory->resize(delta, size);
        EXPECT_EQ(ok(resized), done) << delta << " " << size;
        EXPECT_EQ(memory->offset(), offset);
        EXPECT_EQ(memory->size(), done ? size : before.size);
        EXPECT_EQ(memory->maxsize(), maxsize);
    };
    // Upstream asks for (0, 150) and relies on little slack; an import has its device's.
    const std::size_t more = std::max<std::size_t>(150, maxsize + 1);
    step(static_cast<std::ptrdiff_t>(maxsize) + 93, 50, false, 0);
    step(0, more, false, 0);
    step(1, maxsize, false, 0);
    step(static_cast<std::ptrdiff_t>(maxsize), 1, false, 0);
    step(0, 100, true, 0);
    step(0, 50, true, 0);
    step(0, 100, true, 0);
    step(1, 99, true, 1);
    step(1, maxsize - 1, false, 1);
    step(0, 99, true, 1);
    step(-1, 100, true, 0);
    step(-1, 100, false, 0);
    step(50, 40, true, 50);
    step(-50, 100, true, 0);
    step(0, 0, true, 0);
    step(0, 100, true, 0);
}

TEST_P(Upstream, test_map) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    MapInfo info;
    ASSERT_TRUE(ok(memory->map(info, MapFlags::read)));
    EXPECT_NE(info.data, nullptr);
    EXPECT_EQ(info.size, 100u);
    EXPECT_EQ(info.maxsize, memory->maxsize());
    EXPECT_EQ(memory->ref_count(), 1u);
    ASSERT_TRUE(ok(memory->unmap(info)));
    EXPECT_EQ(memory->ref_count(), 1u);
}

TEST_P(Upstream, test_map_ref) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    MapInfo info;
    ASSERT_TRUE(ok(memory->map(info, MapFlags::read | MapFlags::ref_memory)));
    EXPECT_EQ(memory->ref_count(), 2u);
    ASSERT_TRUE(ok(memory->unmap(info)));
    EXPECT_EQ(memory->ref_count(), 1u);
}

TEST_P(Upstream, test_map_nested) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    MapInfo one, two, three;
    const auto map = [&](MapInfo& info, MapFlags mode) { return ok(memory->map(info, mode)); };
    const auto unmap = [&](MapInfo& info) { return ok(memory->unmap(info)); };

    ASSERT_TRUE(map(one, MapFlags::read) && map(two, MapFlags::read));
    EXPECT_EQ(one.data, two.data);
    EXPECT_EQ(one.size, two.size);
    ASSERT_TRUE(unmap(two) && unmap(one));

    ASSERT_TRUE(map(one, MapFlags::read));
    EXPECT_FALSE(map(two, MapFlags::write));
    EXPECT_FALSE(map(two, MapFlags::readwrite));
    ASSERT_TRUE(map(two, MapFlags::read));
    ASSERT_TRUE(unmap(two) && unmap(one));

    ASSERT_TRUE(map(one, MapFlags::write));
    EXPECT_FALSE(map(two, MapFlags::read));
    EXPECT_FALSE(map(two, MapFlags::readwrite));
    ASSERT_TRUE(map(two, MapFlags::write));
    ASSERT_TRUE(unmap(one)) << "not the last in";
    ASSERT_TRUE(unmap(two));
    EXPECT_TRUE(refused(memory->unmap(one), ErrorKind::invalid));

    ASSERT_TRUE(map(one, MapFlags::readwrite));
    ASSERT_TRUE(map(two, MapFlags::read) && map(three, MapFlags::write));
    ASSERT_TRUE(unmap(three) && unmap(two) && unmap(one));
    EXPECT_TRUE(refused(memory->unmap(one), ErrorKind::invalid));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Upstream, test_map_resize) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    MapInfo info;
    ASSERT_TRUE(ok(memory->map(info, MapFlags::read)));
    ASSERT_TRUE(ok(memory->resize(1, info.size - 1)));
    ASSERT_TRUE(ok(memory->unmap(info)));
    EXPECT_EQ(memory->size(), 99u);
    EXPECT_EQ(memory->offset(), 1u);
    EXPECT_GE(memory->maxsize(), 100u);
    ASSERT_TRUE(ok(memory->map(info, MapFlags::read)));
    EXPECT_EQ(info.size, 99u);
    if (self().claims.alloc) { // upstream's slack; an import has its real size
        EXPECT_GE(info.maxsize, 100u);
    }
    ASSERT_TRUE(ok(memory->resize(-1, 100)));
    ASSERT_TRUE(ok(memory->unmap(info)));
    EXPECT_EQ(memory->offset(), 0u);
    ASSERT_TRUE(ok(memory->map(info, MapFlags::read)));
    EXPECT_EQ(info.size, 100u);
    EXPECT_GE(info.maxsize, 100u);
    ASSERT_TRUE(ok(memory->unmap(info)));
}

TEST_P(Upstream, test_alloc_params) {
    if (!self().claims.alloc)
        return;
    constexpr auto zeroed = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded;
    auto memory = make(100, {.flags = zeroed, .prefix = 10, .padding = 10});
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->size(), 100u);
    EXPECT_EQ(memory->offset(), 10u);
    EXPECT_GE(memory->maxsize(), 120u);
    EXPECT_TRUE(has(memory->flags(), zeroed));
    auto mapping = memory->map(MapFlags::read);
    ASSERT_TRUE(ok(mapping));
    constexpr std::array<std::uint8_t, 10> zeros{};
    EXPECT_EQ(std::memcmp(mapping->data() - 10, zeros.data(), 10), 0);
    EXPECT_EQ(std::memcmp(mapping->data() + 100, zeros.data(), 10), 0);
}

TEST_P(Upstream, test_lock) {
    constexpr LockFlags R = LockFlags::read, W = LockFlags::write, RW = LockFlags::readwrite,
                        X = LockFlags::exclusive;
    auto memory = make(10);
    ASSERT_TRUE(memory);
    const auto lock = [&](LockFlags flags) { return ok(memory->lock(flags)); };
    const auto unlock = [&](LockFlags flags) { return ok(memory->unlock(flags)); };
    ASSERT_TRUE(lock(W | X));
    EXPECT_FALSE(lock(X));
    EXPECT_TRUE(lock(W));
    ASSERT_TRUE(unlock(W) && unlock(W | X));
    ASSERT_TRUE(lock(R | X) && lock(R | X));
    ASSERT_TRUE(unlock(R | X) && unlock(R | X));
    ASSERT_TRUE(lock(RW | X));
    EXPECT_TRUE(lock(R));
    EXPECT_FALSE(lock(R | X));
    EXPECT_FALSE(lock(X));
    EXPECT_TRUE(lock(W));
    ASSERT_TRUE(unlock(W) && unlock(R) && unlock(RW | X));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Upstream, test_auto_unmap) {
    auto memory = make(10);
    ASSERT_TRUE(memory);
    {
        auto mapping = memory->map(MapFlags::readwrite);
        ASSERT_TRUE(ok(mapping));
        EXPECT_EQ(memory->ref_count(), 1u);
    }
    EXPECT_EQ(memory->ref_count(), 1u);
    EXPECT_TRUE(idle(*memory));
}

HWALLOC_OVER_MAPPING(Upstream);

// gstmemory.c, test_no_error_and_no_warning_on_map_failure.
TEST(UpstreamCustom, test_no_error_and_no_warning_on_map_failure) {
    auto& script = *new Script; // as long as its registered allocator: for ever
    script.failing = bit(map);
    ASSERT_TRUE(ok(Allocator::register_allocator(
        "contract/map-fails", make_hooked(script, bit(do_alloc) | bit(map) | bit(unmap)))));
    Allocator* const found = Allocator::find("contract/map-fails");
    ASSERT_NE(found, nullptr);
    auto memory = found->alloc(100);
    ASSERT_TRUE(ok(memory));
    EXPECT_EQ((*memory)->size(), 100u);
    EXPECT_EQ((*memory)->offset(), 0u);
    EXPECT_GE((*memory)->maxsize(), 100u);
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    for (MapFlags mode : {MapFlags::read, MapFlags::write}) {
        MapInfo info{.data = reinterpret_cast<std::uint8_t*>(&script), .size = 1, .maxsize = 2};
        EXPECT_TRUE(refused((*memory)->map(info, mode), ErrorKind::device_lost)) << "the hook's own answer";
        EXPECT_EQ(info.data, nullptr);
        EXPECT_EQ(info.size, 0u);
        EXPECT_EQ(info.maxsize, 0u);
    }
    EXPECT_EQ(testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr(), "");
    EXPECT_TRUE(idle(**memory));
    EXPECT_TRUE(ok(Allocator::unregister("contract/map-fails")));
}

} // namespace
} // namespace hwalloc::contract
