// new_wrapped (gst-contract §1.12): memory around bytes that the caller provides.
#include <array>
#include <limits>

#include "support.h"

namespace hwalloc::contract {
namespace {

struct Bytes {
    std::array<std::uint8_t, 64> data{};
    int notified = 0;
    static void notify(void* self) { ++static_cast<Bytes*>(self)->notified; }
    Result<MemoryRef> wrap(std::size_t offset, std::size_t size, MemoryFlags flags = MemoryFlags::none) {
        return new_wrapped(flags, data.data(), data.size(), offset, size, this, notify);
    }
};

TEST(Wrapped, IsTheCallersOwnBytes) {
    Bytes bytes;
    auto memory = bytes.wrap(8, 16, MemoryFlags::zero_prefixed | MemoryFlags::custom_base);
    ASSERT_TRUE(ok(memory));
    EXPECT_EQ((*memory)->size(), 16u);
    EXPECT_EQ((*memory)->offset(), 8u);
    EXPECT_EQ((*memory)->maxsize(), 64u) << "the real size, no slack";
    EXPECT_EQ((*memory)->align(), 0u) << "unknown";
    EXPECT_EQ((*memory)->flags(), MemoryFlags::zero_prefixed | MemoryFlags::custom_base)
        << "the caller's word";
    EXPECT_TRUE((*memory)->is_type("sysmem"));
    EXPECT_EQ(&(*memory)->allocator(), Allocator::find("sysmem"));
    fill(**memory, 1);
    EXPECT_EQ(bytes.data[8], 1);
    EXPECT_EQ(bytes.data[23], 16);
    EXPECT_EQ(bytes.data[24], 0);
    auto mapping = (*memory)->map(MapFlags::read);
    ASSERT_TRUE(ok(mapping));
    EXPECT_EQ(mapping->data(), bytes.data.data() + 8) << "nothing was copied";
}

TEST(Wrapped, NotifiesOnceAfterTheLastShareAndMap) {
    Bytes bytes;
    auto memory = bytes.wrap(0, 64);
    ASSERT_TRUE(ok(memory));
    auto view = (*memory)->share(8, 8);
    ASSERT_TRUE(ok(view));
    EXPECT_TRUE(ok((*memory)->allocator().free(std::move(*memory))));
    EXPECT_EQ(bytes.notified, 0);
    auto mapping = (*view)->map(MapFlags::read);
    ASSERT_TRUE(ok(mapping));
    view->reset();
    EXPECT_EQ(bytes.notified, 0);
    ASSERT_TRUE(ok(mapping->unmap()));
    EXPECT_EQ(bytes.notified, 1);
}

TEST(Wrapped, NeedsNoNotify) {
    std::uint8_t byte = 7;
    auto memory = new_wrapped(MemoryFlags::readonly, &byte, 1, 0, 1);
    ASSERT_TRUE(ok(memory));
    EXPECT_EQ(contents(**memory), std::vector<std::uint8_t>{7});
}

TEST(Wrapped, RefusesBadWindowsAndDoesNotNotify) {
    Bytes bytes;
    for (auto [offset, size] : {std::pair{std::size_t{0}, std::size_t{65}},
                                {65, 0},
                                {1, 64},
                                {64, 1},
                                {huge, 2},
                                {2, huge - 1},
                                {huge, huge},
                                {0, huge}})
        EXPECT_TRUE(refused(bytes.wrap(offset, size), ErrorKind::invalid)) << offset << " " << size;
    EXPECT_TRUE(refused(new_wrapped(MemoryFlags::none, nullptr, 64, 0, 64, &bytes, Bytes::notify),
                        ErrorKind::invalid));
    EXPECT_TRUE(
        refused(new_wrapped(MemoryFlags::none, nullptr, 0, 0, 0, &bytes, Bytes::notify), ErrorKind::invalid));
    EXPECT_TRUE(refused(bytes.wrap(0, 64, static_cast<MemoryFlags>(1)), ErrorKind::invalid));
    EXPECT_EQ(bytes.notified, 0);
    EXPECT_TRUE(ok(bytes.wrap(64, 0)));
    EXPECT_TRUE(ok(bytes.wrap(0, 64)));
    EXPECT_EQ(bytes.notified, 2);
}

TEST(Wrapped, ACopyIsOrdinaryMemory) {
    Bytes bytes;
    auto memory = bytes.wrap(4, 8, MemoryFlags::readonly | MemoryFlags::no_share);
    ASSERT_TRUE(ok(memory));
    bytes.data[4] = 42;
    auto copied = (*memory)->copy();
    ASSERT_TRUE(ok(copied));
    EXPECT_EQ((*copied)->align(), 7u);
    EXPECT_EQ((*copied)->offset(), 0u);
    EXPECT_EQ((*copied)->size(), 8u);
    EXPECT_EQ((*copied)->flags(), MemoryFlags::none);
    memory->reset();
    EXPECT_EQ(bytes.notified, 1) << "the copy does not hold the original";
    EXPECT_EQ(contents(**copied)[0], 42);
}

TEST(Wrapped, ResizesWithinTheRegion) {
    Bytes bytes;
    auto memory = bytes.wrap(8, 16);
    ASSERT_TRUE(ok(memory));
    EXPECT_TRUE(ok((*memory)->resize(-8, 64)));
    EXPECT_TRUE(refused((*memory)->resize(0, 65), ErrorKind::invalid));
    EXPECT_EQ(contents(**memory).size(), 64u);
}

TEST(Wrapped, HonoursEveryFlag) {
    Bytes bytes;
    auto readonly = bytes.wrap(0, 64, MemoryFlags::readonly);
    ASSERT_TRUE(ok(readonly));
    EXPECT_TRUE(refused((*readonly)->map(MapFlags::write), ErrorKind::conflict));
    auto mapped = make_mapped(std::move(*readonly), MapFlags::readwrite);
    ASSERT_TRUE(ok(mapped));
    EXPECT_NE(mapped->mapping.data(), bytes.data.data()) << "a writable copy";
    EXPECT_EQ(bytes.notified, 1);
    auto hidden = bytes.wrap(0, 64, MemoryFlags::not_mappable);
    ASSERT_TRUE(ok(hidden));
    EXPECT_TRUE(refused((*hidden)->map(MapFlags::read), ErrorKind::unsupported));
    auto alone = bytes.wrap(0, 64, MemoryFlags::no_share);
    ASSERT_TRUE(ok(alone));
    EXPECT_TRUE(refused((*alone)->share(), ErrorKind::unsupported));
}

} // namespace
} // namespace hwalloc::contract
