// What programs write most: a READ map whose bytes are const, and calls that take a handle as it is.
#include <cstddef>
#include <span>
#include <type_traits>

#include "support.h"

namespace hwalloc::contract {
namespace {

class ReadMap : public ContractTest {};

static_assert(std::is_same_v<decltype(ReadMapping().bytes()), std::span<const std::byte>>);
static_assert(std::is_same_v<decltype(ReadMapping().data()), const std::uint8_t*>);

TEST_P(ReadMap, HasTheBytesAndEndsWithItsObject) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    {
        auto mapping = memory->map_read();
        ASSERT_TRUE(ok(mapping));
        EXPECT_EQ(mapping->size(), 16u);
        EXPECT_EQ(mapping->bytes().size(), 16u);
        EXPECT_EQ(mapping->bytes()[5], std::byte{6});
        EXPECT_EQ(mapping->data()[5], 6);
        EXPECT_EQ(mapping->info().flags, MapFlags::read);
        EXPECT_TRUE(ok(memory->map_read())) << "READ goes with READ";
        EXPECT_TRUE(refused(memory->map(MapFlags::write), ErrorKind::conflict));
        ReadMapping moved = std::move(*mapping);
        EXPECT_FALSE(*mapping);
        EXPECT_TRUE(moved);
    }
    EXPECT_TRUE(idle(*memory));
    auto writing = memory->map(MapFlags::write);
    ASSERT_TRUE(ok(writing));
    EXPECT_TRUE(refused(memory->map_read(), ErrorKind::conflict));
}

TEST_P(ReadMap, GivesItsMapUp) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    auto mapping = memory->map_read();
    ASSERT_TRUE(ok(mapping));
    MapInfo info = mapping->release();
    EXPECT_FALSE(*mapping);
    EXPECT_TRUE(ok(mapping->unmap())) << "nothing to do";
    EXPECT_TRUE(ok(memory->unmap(info)));
    EXPECT_TRUE(idle(*memory));
}

HWALLOC_OVER_MAPPING(ReadMap);

TEST(Handles, AreTakenWhereMemoryIs) {
    auto memory = Allocator::find("memfd")->alloc(100);
    ASSERT_TRUE(ok(memory));
    EXPECT_TRUE(ok(borrow_fd(*memory, FdKind::memfd)));
    EXPECT_TRUE(ok(export_fd(*memory, FdKind::memfd)));
    auto a = (*memory)->share(0, 40), b = (*memory)->share(40);
    ASSERT_TRUE(ok(a) && ok(b));
    std::size_t offset = 777;
    EXPECT_TRUE(Memory::is_span(*a, *b, &offset));
    EXPECT_EQ(offset, 0u);
    const MemoryRef none;
    EXPECT_FALSE(Memory::is_span(*a, none));
    EXPECT_FALSE(Memory::is_span(none, *b));
    EXPECT_TRUE(refused(borrow_fd(none, FdKind::memfd), ErrorKind::invalid));
    EXPECT_TRUE(refused(export_fd(none, FdKind::memfd), ErrorKind::invalid));
}

} // namespace
} // namespace hwalloc::contract
