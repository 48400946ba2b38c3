// map, unmap and MapInfo (gst-contract §1.7).
#include <array>

#include "support.h"

namespace hwalloc::contract {
namespace {

constexpr std::array modes{MapFlags::read, MapFlags::write, MapFlags::readwrite};

// Nothing in it, as after a failure.
bool cleared(const MapInfo& info) {
    return !info.memory && info.flags == MapFlags::none && !info.data && info.size == 0 &&
           info.maxsize == 0 && !info.user_data[0] && !info.user_data[1] && !info.user_data[2] &&
           !info.user_data[3];
}

// As after an unmap: size and maxsize stay.
bool ended(const MapInfo& info) {
    return !info.memory && info.flags == MapFlags::none && !info.data && !info.user_data[0] &&
           !info.user_data[1] && !info.user_data[2] && !info.user_data[3];
}

MapInfo rubbish(void* what) {
    return {.memory = nullptr,
            .data = static_cast<std::uint8_t*>(what),
            .size = 11,
            .maxsize = 12,
            .flags = MapFlags::custom_base,
            .user_data = {what, what, what, what}};
}

class Map : public ContractTest {};

TEST_P(Map, ShowsTheWindowAndKeepsTheBytes) {
    auto memory = make(1000);
    ASSERT_TRUE(memory);
    for (MapFlags mode : modes) {
        MapInfo info;
        ASSERT_TRUE(ok(memory->map(info, mode)));
        EXPECT_EQ(info.memory, memory.get());
        EXPECT_EQ(info.flags, mode);
        EXPECT_NE(info.data, nullptr);
        EXPECT_EQ(info.size, 1000u);
        EXPECT_EQ(info.maxsize, memory->maxsize() - memory->offset());
        EXPECT_EQ(memory->ref_count(), 1u) << "a map is no handle";
        ASSERT_TRUE(ok(memory->unmap(info)));
        EXPECT_TRUE(ended(info));
    }
    fill(*memory, 9);
    EXPECT_EQ(contents(*memory), counting(1000, 9));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Map, RefusesFlagsWithoutAccessAndUnknownOnes) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    int object = 0;
    for (std::uint32_t bits : {0x0u, 0x4u, 0x5u, 0x7u, 0x8u, 0x81u, 0x100u, 0x201u, 0x8001u, 0x10000u}) {
        MapInfo info = rubbish(&object);
        EXPECT_TRUE(refused(memory->map(info, static_cast<MapFlags>(bits)), ErrorKind::invalid)) << bits;
        EXPECT_TRUE(cleared(info)) << bits;
    }
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Map, CustomBitsPassThrough) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    const auto flags = MapFlags::read | static_cast<MapFlags>(0x80010000u);
    MapInfo info;
    ASSERT_TRUE(ok(memory->map(info, flags)));
    EXPECT_EQ(info.flags, flags);
    EXPECT_TRUE(refused(memory->map(MapFlags::write), ErrorKind::conflict)) << "a READ map all the same";
    ASSERT_TRUE(ok(memory->unmap(info)));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Map, NestsWithinTheModeHeldAndUnmapsInAnyOrder) {
    for (MapFlags held : modes)
        for (MapFlags nested : modes)
            for (bool inner_first : {true, false}) {
                auto memory = make(16);
                ASSERT_TRUE(memory);
                MapInfo outer, inner = rubbish(memory.get());
                ASSERT_TRUE(ok(memory->map(outer, held)));
                const bool allowed = held == MapFlags::readwrite || held == nested;
                if (!allowed) {
                    EXPECT_TRUE(refused(memory->map(inner, nested), ErrorKind::conflict));
                    EXPECT_TRUE(cleared(inner));
                    ASSERT_TRUE(ok(memory->unmap(outer)));
                    EXPECT_TRUE(idle(*memory));
                    continue;
                }
                ASSERT_TRUE(ok(memory->map(inner, nested)));
                EXPECT_EQ(inner.data, outer.data);
                ASSERT_TRUE(ok(memory->unmap(inner_first ? inner : outer)));
                EXPECT_FALSE(idle(*memory)) << "one is left";
                ASSERT_TRUE(ok(memory->unmap(inner_first ? outer : inner)));
                EXPECT_TRUE(idle(*memory));
            }
}

TEST_P(Map, ManyMapsUnmapInAnyOrder) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    std::array<MapInfo, 9> infos;
    for (std::size_t i = 0; i < infos.size(); ++i)
        ASSERT_TRUE(ok(memory->map(infos[i], modes[(i + 2) % 3]))); // READWRITE first
    for (std::size_t i : {2u, 0u, 6u, 1u, 8u, 3u, 5u, 7u, 4u})
        ASSERT_TRUE(ok(memory->unmap(infos[i]))) << i;
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Map, ReadonlyAndSharedMemoryIsNotWritten) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    auto view = memory->share();
    ASSERT_TRUE(ok(view));
    for (MapFlags mode : {MapFlags::write, MapFlags::readwrite}) {
        EXPECT_TRUE(refused((*view)->map(mode), ErrorKind::conflict)) << "a share is READONLY";
        EXPECT_TRUE(ok(memory->map(mode))) << "one share leaves the root writable";
    }
    auto second = memory->share();
    ASSERT_TRUE(ok(second));
    for (MapFlags mode : {MapFlags::write, MapFlags::readwrite})
        EXPECT_TRUE(refused(memory->map(mode), ErrorKind::conflict));
    EXPECT_TRUE(ok(memory->map(MapFlags::read)));
    second->reset();
    EXPECT_TRUE(ok(memory->map(MapFlags::write)));
}

TEST_P(Map, WithRefMemoryHoldsAHandle) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    for (MapFlags mode : modes) {
        MapInfo info;
        ASSERT_TRUE(ok(memory->map(info, mode | MapFlags::ref_memory)));
        EXPECT_EQ(memory->ref_count(), 2u);
        ASSERT_TRUE(ok(memory->unmap(info)));
        EXPECT_EQ(memory->ref_count(), 1u);
    }
    auto mapping = memory->map(MapFlags::read | MapFlags::ref_memory);
    ASSERT_TRUE(ok(mapping));
    Memory* const object = memory.get();
    memory.reset();
    EXPECT_EQ(object->ref_count(), 1u);
    EXPECT_EQ(mapping->size(), 16u);
}

TEST_P(Map, OutlivesTheLastHandle) {
    for (MapFlags mode : modes) {
        auto memory = make(64);
        ASSERT_TRUE(memory);
        fill(*memory, 5);
        auto mapping = memory->map(mode);
        ASSERT_TRUE(ok(mapping));
        auto nested = memory->map(mode);
        ASSERT_TRUE(ok(nested));
        memory.reset();
        EXPECT_EQ(mapping->info().memory->ref_count(), 0u);
        EXPECT_EQ(mapping->data()[63], 68);
        auto handle = mapping->info().memory->ref();
        ASSERT_TRUE(ok(handle)) << "a handle can be had again";
        handle->reset();
        ASSERT_TRUE(ok(nested->unmap()));
        EXPECT_EQ(mapping->data()[0], 5);
        ASSERT_TRUE(ok(mapping->unmap()));
    }
}

TEST_P(Map, UnmapRefusesWhatIsNotItsOwn) {
    auto memory = make(16), other = make(16);
    ASSERT_TRUE(memory && other);
    MapInfo info;
    EXPECT_TRUE(refused(memory->unmap(info), ErrorKind::invalid)) << "never mapped";
    ASSERT_TRUE(ok(memory->map(info, MapFlags::write)));
    EXPECT_TRUE(refused(other->unmap(info), ErrorKind::invalid));
    EXPECT_EQ(info.memory, memory.get()) << "nothing was released";
    EXPECT_TRUE(refused(memory->map(MapFlags::read), ErrorKind::conflict)) << "still mapped";
    MapInfo duplicate = info;
    ASSERT_TRUE(ok(memory->unmap(info)));
    EXPECT_TRUE(refused(memory->unmap(info), ErrorKind::invalid)) << "twice";
    EXPECT_TRUE(refused(memory->unmap(duplicate), ErrorKind::invalid)) << "twice, through a copy";
    EXPECT_TRUE(idle(*memory));
    for (MapFlags mode : modes) {
        ASSERT_TRUE(ok(memory->map(info, mode | MapFlags::ref_memory)));
        duplicate = info;
        ASSERT_TRUE(ok(memory->unmap(info)));
        EXPECT_TRUE(refused(memory->unmap(duplicate), ErrorKind::invalid));
        EXPECT_EQ(memory->ref_count(), 1u);
        EXPECT_TRUE(idle(*memory));
    }
}

TEST_P(Map, OfAPrefixedWindowStartsBehindThePrefix) {
    if (!self().claims.alloc)
        return; // an import has no prefix of ours
    auto memory = make(100, {.flags = MemoryFlags::zero_prefixed, .prefix = 16});
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    ASSERT_TRUE(ok(memory->resize(-16, 116)));
    auto bytes = contents(*memory);
    EXPECT_EQ(bytes[15], 0);
    EXPECT_EQ(bytes[16], 1);
}

TEST_P(Map, AMappingMovesAndUnmapsOnce) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    {
        Mapping none;
        EXPECT_FALSE(none);
        EXPECT_TRUE(ok(none.unmap())) << "nothing to do is no error";
        auto first = memory->map(MapFlags::write);
        ASSERT_TRUE(ok(first));
        Mapping moved = std::move(*first);
        EXPECT_FALSE(*first);
        EXPECT_TRUE(moved);
        auto second = memory->map(MapFlags::write);
        ASSERT_TRUE(ok(second));
        moved = std::move(*second); // ends the first
        EXPECT_EQ(moved.bytes().size(), 16u);
        ASSERT_TRUE(ok(moved.unmap()));
        EXPECT_TRUE(moved.bytes().empty()) << "an ended map has no bytes";
        EXPECT_EQ(moved.info().maxsize, 0u);
        EXPECT_TRUE(ok(moved.unmap()));
        EXPECT_TRUE(idle(*memory));
        moved = std::move(*memory->map(MapFlags::read));
    }
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Map, MakeMappedGivesTheSameMemoryOrAWritableCopy) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 3);
    Memory* const object = memory.get();
    auto same = make_mapped(std::move(memory), MapFlags::readwrite);
    ASSERT_TRUE(ok(same));
    EXPECT_EQ(same->memory.get(), object);
    ASSERT_TRUE(ok(same->mapping.unmap()));

    if (self().claims.alloc) { // a copy needs somewhere to go
        auto view = same->memory->share(4, 8);
        ASSERT_TRUE(ok(view));
        auto copied = make_mapped(std::move(*view), MapFlags::readwrite);
        ASSERT_TRUE(ok(copied));
        EXPECT_FALSE(copied->memory->is_share());
        EXPECT_EQ(copied->memory->flags(), MemoryFlags::none);
        EXPECT_EQ(copied->mapping.size(), 8u);
        EXPECT_EQ(copied->mapping.data()[0], 7);
    }
    EXPECT_TRUE(idle(*same->memory)) << "the share was consumed";
    EXPECT_TRUE(refused(make_mapped(std::move(same->memory), MapFlags::none), ErrorKind::invalid));
    EXPECT_FALSE(same->memory) << "consumed either way";
    EXPECT_TRUE(refused(make_mapped({}, MapFlags::read), ErrorKind::invalid));
}

TEST_P(Map, MakeMappedOfWhatCannotBeReadFails) {
    if (!self().claims.alloc)
        return;
    auto memory = make(16, {.flags = MemoryFlags::not_mappable});
    ASSERT_TRUE(memory);
    EXPECT_TRUE(refused(make_mapped(std::move(memory), MapFlags::read), ErrorKind::unsupported));
}

HWALLOC_OVER_MAPPING(Map);

} // namespace
} // namespace hwalloc::contract
