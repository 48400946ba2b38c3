// alloc and free (gst-contract §1.3, §1.4): where the window lies, what params ask for, what is refused.
#include <algorithm>
#include <limits>

#include "support.h"

namespace hwalloc::contract {
namespace {

bool all_zero(const std::uint8_t* begin, const std::uint8_t* end) {
    return std::all_of(begin, end, [](std::uint8_t byte) { return byte == 0; });
}

class Alloc : public ContractTest {};

TEST_P(Alloc, PlacesTheWindowByTheRule) {
    for (std::size_t size : {0u, 1u, 7u, 100u, 4095u, 4096u, 4097u, 65536u, 100001u})
        for (std::size_t prefix : {0u, 10u, 4096u})
            for (std::size_t padding : {0u, 3u, 5000u})
                for (std::size_t align : {0u, 1u, 7u, 15u, 63u, 4095u}) {
                    auto memory =
                        allocator().alloc(size, {.align = align, .prefix = prefix, .padding = padding});
                    if (size == 0 && !memory && memory.error().kind() == ErrorKind::unsupported)
                        continue; // where a backend cannot
                    ASSERT_TRUE(ok(memory)) << size << " " << prefix << " " << padding << " " << align;
                    const Memory::Sizes sizes = (*memory)->get_sizes();
                    EXPECT_EQ(sizes.size, size);
                    EXPECT_EQ(sizes.offset, prefix);
                    EXPECT_EQ(sizes.maxsize, expected_maxsize(self(), size + prefix + padding, align));
                    EXPECT_EQ((*memory)->align(), std::max<std::size_t>(align, default_align));
                    EXPECT_EQ((*memory)->flags(), MemoryFlags::none);
                    EXPECT_EQ((*memory)->ref_count(), 1u);
                    EXPECT_FALSE((*memory)->is_share());
                    EXPECT_EQ(&(*memory)->allocator(), &allocator());
                    EXPECT_TRUE((*memory)->is_type(allocator().mem_type()));
                    EXPECT_FALSE((*memory)->is_type(""));
                    auto mapping = (*memory)->map(MapFlags::write);
                    ASSERT_TRUE(ok(mapping));
                    const auto window = reinterpret_cast<std::uintptr_t>(mapping->data());
                    EXPECT_EQ((window - prefix) & align, 0u) << "the region is aligned, not the window";
                    EXPECT_EQ(mapping->info().maxsize, sizes.maxsize - prefix);
                    std::memset(mapping->data(), 0x5a, mapping->info().maxsize); // all of it is ours
                    ASSERT_TRUE(ok(mapping->unmap()));
                }
}

TEST(SysmemLayout, IsTheTable) {
    struct Row {
        std::size_t align, prefix, padding, stored_align, offset, maxsize;
    };
    for (const Row& row : {Row{7, 0, 0, 7, 0, 107}, Row{0, 0, 0, 7, 0, 107}, Row{0, 10, 3, 7, 10, 120},
                           Row{1, 10, 3, 7, 10, 120}, Row{7, 10, 3, 7, 10, 120}, Row{15, 10, 3, 15, 10, 128},
                           Row{63, 10, 3, 63, 10, 176}, Row{4095, 10, 3, 4095, 10, 4208}}) {
        auto memory = Allocator::find("sysmem")->alloc(
            100, {.align = row.align, .prefix = row.prefix, .padding = row.padding});
        ASSERT_TRUE(ok(memory));
        EXPECT_EQ((*memory)->align(), row.stored_align);
        EXPECT_EQ((*memory)->offset(), row.offset);
        EXPECT_EQ((*memory)->size(), 100u);
        EXPECT_EQ((*memory)->maxsize(), row.maxsize);
    }
}

TEST_P(Alloc, AlignsOrSaysThatItCannot) {
    for (std::size_t bytes = 1; bytes <= (std::size_t{1} << 24); bytes *= 2) {
        auto memory = allocator().alloc(100, {.align = bytes - 1});
        if (!memory) {
            EXPECT_GT(bytes, 4096u) << memory.error().message();
            EXPECT_EQ(memory.error().kind(), ErrorKind::unsupported);
            continue;
        }
        auto mapping = (*memory)->map(MapFlags::read);
        ASSERT_TRUE(ok(mapping));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping->data()) & (bytes - 1), 0u);
    }
}

TEST_P(Alloc, AWindowAtAnAlignedPrefixIsAligned) {
    auto memory = make(100, {.align = 255, .prefix = 512});
    ASSERT_TRUE(memory);
    auto mapping = memory->map(MapFlags::read);
    ASSERT_TRUE(ok(mapping));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping->data()) & 255u, 0u);
}

TEST_P(Alloc, RefusesAnAlignmentThatIsNoMask) {
    for (std::size_t align : {std::size_t{2}, std::size_t{4}, std::size_t{5}, std::size_t{8},
                              std::size_t{4096}, huge - 1, huge / 2 + 1})
        EXPECT_TRUE(refused(allocator().alloc(100, {.align = align}), ErrorKind::invalid)) << align;
    for (std::size_t size : {0u, 1u, 100u})
        EXPECT_FALSE(allocator().alloc(size, {.align = huge})) << "all ones is a mask that nobody can give";
}

TEST_P(Alloc, RefusesSumsThatDoNotFit) {
    const std::size_t fds = open_fds();
    for (std::size_t part : {huge, huge - 1, huge - 7, huge - 100}) {
        EXPECT_TRUE(refused(allocator().alloc(part), ErrorKind::limit) ||
                    refused(allocator().alloc(part), ErrorKind::exhausted));
        EXPECT_TRUE(refused(allocator().alloc(200, {.prefix = part}), ErrorKind::limit));
        EXPECT_TRUE(refused(allocator().alloc(200, {.padding = part}), ErrorKind::limit));
        EXPECT_TRUE(refused(allocator().alloc(part, {.prefix = 200}), ErrorKind::limit));
        EXPECT_TRUE(refused(allocator().alloc(part, {.prefix = part, .padding = part}), ErrorKind::limit));
        EXPECT_TRUE(refused(allocator().alloc(huge / 2 + 1, {.prefix = huge / 2 + 1}), ErrorKind::limit));
    }
    const auto too_large = allocator().alloc(huge / 2);
    ASSERT_FALSE(too_large) << "more than an address space has";
    EXPECT_GE(too_large.error().size_wanted(), huge / 2) << too_large.error().message();
    EXPECT_EQ(open_fds(), fds);
    EXPECT_TRUE(ok(allocator().alloc(100))) << "and works afterwards";
}

TEST_P(Alloc, FillsPrefixAndPaddingWithZeroWhereAsked) {
    for (MemoryFlags flags : {MemoryFlags::zero_prefixed, MemoryFlags::zero_padded, zeroed}) {
        { // So that what comes next is likely to have been used.
            auto dirty = make(600);
            ASSERT_TRUE(dirty);
            fill(*dirty, 1);
        }
        auto memory = make(400, {.flags = flags, .prefix = 100, .padding = 100});
        ASSERT_TRUE(memory);
        EXPECT_EQ(memory->flags(), flags);
        auto mapping = memory->map(MapFlags::read);
        ASSERT_TRUE(ok(mapping));
        const std::uint8_t* data = mapping->data();
        if (has(flags, MemoryFlags::zero_prefixed)) {
            EXPECT_TRUE(all_zero(data - 100, data));
        }
        if (has(flags, MemoryFlags::zero_padded)) {
            EXPECT_TRUE(all_zero(data + 400, data + mapping->info().maxsize)) << "to the end of the region";
        }
    }
}

TEST_P(Alloc, GivesZeroedMemoryWhereItCanLeaveTheProcess) {
    if (!self().claims.export_dmabuf && !self().claims.export_memfd)
        return; // private memory may hold anything
    for (int again = 0; again < 4; ++again) {
        auto memory = make(20000);
        ASSERT_TRUE(memory);
        auto mapping = memory->map(MapFlags::readwrite);
        ASSERT_TRUE(ok(mapping));
        EXPECT_TRUE(all_zero(mapping->data(), mapping->data() + mapping->info().maxsize));
        std::memset(mapping->data(), 0xff, mapping->info().maxsize);
    }
}

TEST_P(Alloc, KeepsTheFlagsItWasGiven) {
    const auto custom = static_cast<MemoryFlags>(0x80500000u);
    for (MemoryFlags flag : {MemoryFlags::readonly, MemoryFlags::may_be_leaked, MemoryFlags::no_share,
                             MemoryFlags::zero_prefixed, MemoryFlags::zero_padded,
                             MemoryFlags::physically_contiguous, MemoryFlags::not_mappable, custom}) {
        auto memory = allocator().alloc(32, {.flags = flag});
        ASSERT_TRUE(ok(memory)) << static_cast<std::uint32_t>(flag);
        EXPECT_EQ((*memory)->flags(), flag);
    }
    for (std::uint32_t unknown : {0x1u, 0x8u, 0x200u, 0x400u, 0x80000u})
        EXPECT_TRUE(
            refused(allocator().alloc(32, {.flags = static_cast<MemoryFlags>(unknown)}), ErrorKind::invalid))
            << unknown;
}

TEST_P(Alloc, ReadonlyMemoryIsReadAndNotWritten) {
    auto memory = make(16, {.flags = MemoryFlags::readonly});
    ASSERT_TRUE(memory);
    EXPECT_TRUE(refused(memory->map(MapFlags::write), ErrorKind::conflict));
    EXPECT_TRUE(refused(memory->map(MapFlags::readwrite), ErrorKind::conflict));
    EXPECT_TRUE(ok(memory->map(MapFlags::read)));
    EXPECT_TRUE(memory->is_writable()) << "looks at shares alone";
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Alloc, NotMappableMemoryIsNotMapped) {
    auto memory = make(16, {.flags = MemoryFlags::not_mappable});
    ASSERT_TRUE(memory);
    for (MapFlags flags : {MapFlags::read, MapFlags::write, MapFlags::readwrite})
        EXPECT_TRUE(refused(memory->map(flags), ErrorKind::unsupported));
    auto view = memory->share();
    ASSERT_TRUE(ok(view));
    EXPECT_TRUE(refused((*view)->map(MapFlags::read), ErrorKind::unsupported)) << "nor through a share";
    EXPECT_TRUE(refused(memory->copy(), ErrorKind::unsupported)) << "nor read for a copy";
    view->reset();
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Alloc, SizeZeroIsLegalOrClearlyRefused) {
    auto memory = allocator().alloc(0);
    if (!memory) {
        EXPECT_EQ(memory.error().kind(), ErrorKind::unsupported) << memory.error().message();
        return;
    }
    EXPECT_EQ((*memory)->size(), 0u);
    auto mapping = (*memory)->map(MapFlags::readwrite);
    ASSERT_TRUE(ok(mapping));
    EXPECT_EQ(mapping->size(), 0u);
    EXPECT_NE(mapping->data(), nullptr);
    ASSERT_TRUE(ok(mapping->unmap()));
    EXPECT_TRUE(ok((*memory)->copy()));
    EXPECT_TRUE(ok((*memory)->share()));
}

TEST_P(Alloc, LeavesNothingBehind) {
    const std::size_t fds = open_fds();
    for (int i = 0; i < 300; ++i) {
        auto memory = make(5000);
        ASSERT_TRUE(memory);
        auto mapping = memory->map(MapFlags::readwrite);
        ASSERT_TRUE(ok(mapping));
        mapping->data()[4999] = 1;
    }
    EXPECT_EQ(open_fds(), fds);
}

TEST_P(Alloc, FreeTakesTheCallersHandleAndNoOther) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    auto second = memory->ref();
    ASSERT_TRUE(ok(second));
    Memory* const object = memory.get();
    EXPECT_TRUE(ok(allocator().free(std::move(memory))));
    EXPECT_FALSE(memory);
    EXPECT_EQ(object->ref_count(), 1u);
    auto view = object->share(4, 4);
    ASSERT_TRUE(ok(view));
    fill(*object, 7);
    EXPECT_TRUE(ok(allocator().free(std::move(*second))));
    EXPECT_EQ(contents(**view), counting(4, 11)) << "the storage goes with the last share";
    EXPECT_TRUE(ok(allocator().free(std::move(*view)))) << "a share is freed the same way";
}

TEST_P(Alloc, FreeOfAnotherAllocatorsMemoryReleasesNothing) {
    EXPECT_TRUE(refused(allocator().free({}), ErrorKind::invalid));
    for (const std::string& other : allocating_names()) {
        if (subject(other).allocator == &allocator())
            continue;
        auto memory = make_memory(subject(other), 16);
        ASSERT_TRUE(memory);
        EXPECT_TRUE(refused(allocator().free(std::move(memory)), ErrorKind::invalid));
        ASSERT_TRUE(memory) << "still the caller's";
        EXPECT_EQ(memory->ref_count(), 1u);
        EXPECT_TRUE(idle(*memory));
    }
}

HWALLOC_OVER_ALLOCATING(Alloc);

TEST(DefaultAlloc, ComesFromTheDefaultAllocator) {
    auto memory = alloc(100);
    ASSERT_TRUE(ok(memory));
    EXPECT_EQ(&(*memory)->allocator(), Allocator::find());
    EXPECT_EQ((*memory)->align(), 7u);
    EXPECT_TRUE(refused(alloc(1, {.align = 5}), ErrorKind::invalid));
}

} // namespace
} // namespace hwalloc::contract
