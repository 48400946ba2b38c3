// copy and make_writable (gst-contract §1.10).
#include <limits>

#include "hooked.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

class Copy : public ContractTest {
protected:
    // An importer cannot make the copy itself.
    Allocator* target() const { return self().claims.alloc ? nullptr : Allocator::find("sysmem"); }
};

TEST_P(Copy, IsFreshWritableMemoryWithTheSameBytes) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    auto copied = memory->copy(0, whole, target());
    ASSERT_TRUE(ok(copied));
    EXPECT_NE(copied->get(), memory.get());
    EXPECT_NE(&(*copied)->block(), &memory->block());
    EXPECT_EQ(&(*copied)->allocator(), target() ? target() : &memory->allocator());
    EXPECT_FALSE((*copied)->is_share());
    EXPECT_EQ((*copied)->flags(), MemoryFlags::none);
    EXPECT_EQ((*copied)->offset(), 0u);
    EXPECT_EQ((*copied)->size(), 100u);
    EXPECT_EQ((*copied)->ref_count(), 1u);
    EXPECT_EQ(memory->ref_count(), 1u);
    EXPECT_EQ(contents(**copied), counting(100, 1));
    fill(**copied, 50);
    EXPECT_EQ(contents(*memory), counting(100, 1)) << "the original is untouched";
    EXPECT_TRUE(idle(*memory));
    EXPECT_TRUE(idle(**copied));
}

TEST_P(Copy, TakesRangesAndRefusesThoseOutside) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    fill(*memory, 0);
    for (auto [offset, size] : {std::pair{std::size_t{0}, std::size_t{1}}, {10, 20}, {99, 1}, {1, 99}}) {
        auto copied = memory->copy(offset, size, target());
        ASSERT_TRUE(ok(copied));
        EXPECT_EQ(contents(**copied), counting(size, static_cast<std::uint8_t>(offset)));
    }
    auto rest = memory->copy(60, whole, target());
    ASSERT_TRUE(ok(rest));
    EXPECT_EQ(contents(**rest), counting(40, 60));
    for (auto [offset, size] : {std::pair{std::size_t{101}, whole},
                                {0, std::size_t{101}},
                                {1, 100},
                                {100, 1},
                                {huge, 2},
                                {2, huge - 1},
                                {huge, whole},
                                {1, huge - 1}})
        EXPECT_TRUE(refused(memory->copy(offset, size, target()), ErrorKind::invalid))
            << offset << " " << size;
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Copy, OfAShareIsNoShare) {
    auto memory = make(100);
    ASSERT_TRUE(memory);
    fill(*memory, 0);
    auto view = memory->share(20, 30);
    ASSERT_TRUE(ok(view));
    auto copied = (*view)->copy(5, whole, target());
    ASSERT_TRUE(ok(copied));
    EXPECT_EQ(contents(**copied), counting(25, 25));
    EXPECT_FALSE((*copied)->is_share());
    EXPECT_EQ((*copied)->flags(), MemoryFlags::none);
    view->reset();
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Copy, TakesNoLock) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    for (MapFlags mode : {MapFlags::read, MapFlags::write, MapFlags::readwrite}) {
        auto mapping = memory->map(mode);
        ASSERT_TRUE(ok(mapping));
        if (mode != MapFlags::read)
            mapping->data()[3] = static_cast<std::uint8_t>(100 + static_cast<unsigned>(mode));
        auto copied = memory->copy(0, whole, target());
        ASSERT_TRUE(ok(copied));
        EXPECT_EQ(contents(**copied)[3], mapping->data()[3]) << "as the bytes are just then";
        EXPECT_EQ(contents(**copied)[15], 16);
        ASSERT_TRUE(ok(mapping->unmap()));
        ASSERT_TRUE(ok(memory->lock(static_cast<LockFlags>(mode))));
        EXPECT_TRUE(ok(memory->copy(0, whole, target())));
        ASSERT_TRUE(ok(memory->unlock(static_cast<LockFlags>(mode))));
    }
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Copy, IsWhatMakeMappedGivesOfMemoryThatIsMappedForWriting) {
    if (!self().claims.alloc)
        return;
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    Memory* const object = memory.get();
    auto writing = memory->map(MapFlags::write);
    ASSERT_TRUE(ok(writing));
    auto copied = make_mapped(std::move(memory), MapFlags::read);
    ASSERT_TRUE(ok(copied));
    EXPECT_NE(copied->memory.get(), object);
    EXPECT_EQ(copied->mapping.data()[5], 6);
}

TEST_P(Copy, AsksAnotherAllocatorForNoAlignment) {
    auto aligned = Allocator::find("sysmem")->alloc(100, {.align = 65535});
    ASSERT_TRUE(ok(aligned));
    fill(**aligned, 1);
    for (const std::string& name : allocating_names()) {
        auto copied = (*aligned)->copy(0, whole, subject(name).allocator);
        ASSERT_TRUE(ok(copied)) << "to " << name;
        EXPECT_EQ(contents(**copied), counting(100, 1));
    }
    EXPECT_EQ((*(*aligned)->copy())->align(), 65535u) << "its own allocator gives it again";
}

TEST_P(Copy, DropsEveryFlagPrefixAndPadding) {
    if (!self().claims.alloc)
        return;
    constexpr auto flags = MemoryFlags::readonly | MemoryFlags::no_share | MemoryFlags::zero_prefixed |
                           MemoryFlags::zero_padded | MemoryFlags::physically_contiguous |
                           MemoryFlags::custom_base;
    auto memory = make(100, {.flags = flags, .align = 63, .prefix = 64, .padding = 64});
    ASSERT_TRUE(memory);
    auto copied = memory->copy();
    ASSERT_TRUE(ok(copied));
    EXPECT_EQ((*copied)->flags(), MemoryFlags::none);
    EXPECT_EQ((*copied)->offset(), 0u);
    EXPECT_EQ((*copied)->size(), 100u);
    EXPECT_EQ((*copied)->align(), 63u) << "alignment is inherited";
    EXPECT_EQ((*copied)->maxsize(), expected_maxsize(self(), 100, 63));
    EXPECT_TRUE(ok((*copied)->map(MapFlags::readwrite)));
    EXPECT_EQ(memory->flags(), flags);
}

TEST_P(Copy, OfAnImportNeedsATarget) {
    if (self().claims.alloc)
        return;
    auto memory = make(16);
    ASSERT_TRUE(memory);
    EXPECT_TRUE(refused(memory->copy(), ErrorKind::unsupported));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Copy, GoesToEveryTargetNamed) {
    auto memory = make(5000);
    ASSERT_TRUE(memory);
    fill(*memory, 7);
    for (const std::string& name : allocating_names()) {
        Allocator* const other = subject(name).allocator;
        auto copied = memory->copy(1, whole, other);
        ASSERT_TRUE(ok(copied)) << "to " << name;
        EXPECT_EQ(&(*copied)->allocator(), other);
        EXPECT_EQ(contents(**copied), counting(4999, 8));
    }
    for (const Subject& importer : subjects())
        if (importer.allocator && !importer.claims.alloc) {
            EXPECT_TRUE(refused(memory->copy(0, whole, importer.allocator), ErrorKind::unsupported));
        }
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Copy, MakeWritableCopiesOnlyWhatIsSharedTwice) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    Memory* const object = memory.get();
    auto one = memory->share();
    ASSERT_TRUE(ok(one));
    auto same = make_writable(std::move(memory));
    ASSERT_TRUE(ok(same));
    EXPECT_EQ(same->get(), object);
    auto two = (*same)->share();
    ASSERT_TRUE(ok(two));
    if (self().claims.alloc) {
        auto copied = make_writable(std::move(*same));
        ASSERT_TRUE(ok(copied));
        EXPECT_NE(copied->get(), object);
        EXPECT_EQ(contents(**copied), counting(16, 1));
        EXPECT_EQ((*one)->parent()->ref_count(), 0u) << "the original's handle was consumed";
    }
    Memory* const view = one->get();
    auto view_again = make_writable(std::move(*one));
    ASSERT_TRUE(ok(view_again));
    EXPECT_EQ(view_again->get(), view) << "READONLY alone is no reason to copy";
    EXPECT_TRUE(refused(make_writable({}), ErrorKind::invalid));
}

HWALLOC_OVER_MAPPING(Copy);

TEST(CopyFailure, WithoutMemoryForTheCopyIsAnError) {
    Script script;
    {
        const AllocatorRef owner =
            make_hooked(script, bit(do_alloc) | bit(do_free) | bit(map) | bit(unmap) | bit(share));
        script.allocs_left = 1;
        auto memory = owner->alloc(16);
        ASSERT_TRUE(ok(memory));
        EXPECT_TRUE(refused((*memory)->copy(), ErrorKind::exhausted));
        EXPECT_EQ(script.mapped, 0) << "the source is unmapped again";
        EXPECT_TRUE(idle(**memory));
        EXPECT_TRUE(ok((*memory)->copy(0, whole, Allocator::find("sysmem"))))
            << "another allocator may have some";
        EXPECT_TRUE(
            refused(make_mapped(std::move(*(*memory)->share()), MapFlags::write), ErrorKind::exhausted));
        EXPECT_TRUE(idle(**memory));
    }
    EXPECT_EQ(script.blocks, 0);
    EXPECT_EQ(script.destroyed, 1);
}

TEST(CopyFailure, ATargetThatCannotBeWrittenLeavesNothing) {
    Script script;
    {
        const AllocatorRef unmappable = make_hooked(script, bit(do_alloc) | bit(do_free));
        auto memory = Allocator::find("sysmem")->alloc(16);
        ASSERT_TRUE(ok(memory));
        EXPECT_TRUE(refused((*memory)->copy(0, whole, unmappable.get()), ErrorKind::unsupported));
        EXPECT_EQ(script.blocks, 0);
        EXPECT_TRUE(idle(**memory));
    }
    EXPECT_EQ(script.destroyed, 1);
}

} // namespace
} // namespace hwalloc::contract
