// The object model itself: sizes and the one word.
#include <gtest/gtest.h>

#include "hwalloc/allocator.h"
#include "hwalloc/block.h"

namespace hwalloc {
namespace {

TEST(Memory, AllocatesMapsSharesAndGoes) {
    auto memory = alloc(100);
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_EQ((*memory)->size(), 100u);
    EXPECT_EQ((*memory)->maxsize(), 107u);
    EXPECT_EQ((*memory)->ref_count(), 1u);
    auto mapping = (*memory)->map(MapFlags::write);
    ASSERT_TRUE(mapping);
    mapping->data()[99] = 42;
    EXPECT_FALSE((*memory)->share());
    ASSERT_TRUE(mapping->unmap());
    auto view = (*memory)->share(90);
    ASSERT_TRUE(view);
    memory->reset();
    auto read = (*view)->map(MapFlags::read);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->size(), 10u);
    EXPECT_EQ(read->data()[9], 42);
}

TEST(Memory, FitsItsBudget) {
    EXPECT_LE(sizeof(Memory), 56u);
    EXPECT_LE(sizeof(Block), 128u);
}

TEST(Registry, FindsTheDefaultByItsNames) {
    ASSERT_NE(Allocator::find(), nullptr);
    EXPECT_EQ(Allocator::find("sysmem"), Allocator::find());
    EXPECT_EQ(Allocator::find("SystemMemory"), Allocator::find());
    EXPECT_EQ(Allocator::find("nothing"), nullptr);
    EXPECT_EQ(Allocator::find("sysmem")->name(), "sysmem");
    auto missing = Allocator::resolve("nothing");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind(), ErrorKind::unavailable);
}

TEST(Registry, ARescanDoesNotBringBackWhatTheApplicationTookOut) {
    AllocatorRef sysmem(Allocator::find("sysmem"));
    ASSERT_TRUE(Allocator::unregister("sysmem"));
    EXPECT_EQ(Allocator::find("sysmem"), nullptr);
    EXPECT_FALSE(Allocator::resolve("sysmem"));
    EXPECT_EQ(Allocator::find(), sysmem.get()) << "the default is no name";
    ASSERT_TRUE(Allocator::register_allocator("sysmem", sysmem));
    EXPECT_EQ(Allocator::find("sysmem"), sysmem.get());
}

} // namespace
} // namespace hwalloc
