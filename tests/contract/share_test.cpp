// share (gst-contract §1.9, §1.14): views of parts of memory.
#include <array>
#include <limits>

#include "support.h"

namespace hwalloc::contract {
namespace {

class Share : public ContractTest {};

TEST_P(Share, IsAReadonlyViewOfTheSameBytes) {
    auto root = make(100);
    ASSERT_TRUE(root);
    fill(*root, 0);
    auto view = root->share(10, 20);
    ASSERT_TRUE(ok(view));
    EXPECT_EQ((*view)->parent(), root.get());
    EXPECT_TRUE((*view)->is_share());
    EXPECT_FALSE(root->is_share());
    EXPECT_EQ(&(*view)->block(), &root->block());
    EXPECT_EQ(&(*view)->allocator(), &root->allocator());
    EXPECT_EQ((*view)->size(), 20u);
    EXPECT_EQ((*view)->offset(), root->offset() + 10);
    EXPECT_EQ((*view)->maxsize(), root->maxsize());
    EXPECT_EQ((*view)->align(), root->align());
    EXPECT_EQ((*view)->ref_count(), 1u);
    EXPECT_EQ(root->ref_count(), 1u) << "a share is no handle";
    EXPECT_TRUE(has((*view)->flags(), MemoryFlags::readonly));
    EXPECT_EQ(contents(**view), counting(20, 10));
    {
        auto whole_map = root->map(MapFlags::read), part = (*view)->map(MapFlags::read);
        ASSERT_TRUE(ok(whole_map) && ok(part));
        EXPECT_EQ(part->data(), whole_map->data() + 10);
        EXPECT_EQ(part->info().maxsize, root->maxsize() - root->offset() - 10) << "to the end of the region";
    }
    fill(*root, 100);
    EXPECT_EQ(contents(**view), counting(20, 110)) << "what the root writes is seen";
}

TEST_P(Share, TakesWholeAndEmptyParts) {
    auto root = make(100);
    ASSERT_TRUE(root);
    for (std::size_t offset : {0u, 1u, 99u, 100u}) {
        auto rest = root->share(offset);
        ASSERT_TRUE(ok(rest));
        EXPECT_EQ((*rest)->size(), 100 - offset);
        auto empty = root->share(offset, 0);
        ASSERT_TRUE(ok(empty));
        EXPECT_EQ((*empty)->size(), 0u);
        EXPECT_EQ(contents(**empty).size(), 0u);
    }
    EXPECT_TRUE(idle(*root));
}

TEST_P(Share, OutsideTheWindowIsRefused) {
    auto root = make(100);
    ASSERT_TRUE(root);
    auto view = root->share(50, 10);
    ASSERT_TRUE(ok(view));
    for (Memory* memory : {root.get(), view->get()}) {
        const std::size_t size = memory->size();
        for (auto [offset, length] : {std::pair{size + 1, whole},
                                      {size + 1, std::size_t{0}},
                                      {0, size + 1},
                                      {size, 1},
                                      {1, size},
                                      {1, huge - 1},
                                      {huge, 1},
                                      {huge, whole},
                                      {huge - 3, 4},
                                      {2, huge - 1},
                                      {huge / 2 + 1, huge / 2 + 1}})
            EXPECT_TRUE(refused(memory->share(offset, length), ErrorKind::invalid))
                << offset << " " << length;
    }
    view->reset();
    EXPECT_TRUE(idle(*root));
}

TEST_P(Share, OfAShareIsAShareOfTheRoot) {
    auto root = make(100);
    ASSERT_TRUE(root);
    fill(*root, 0);
    auto outer = root->share(10, 50);
    ASSERT_TRUE(ok(outer));
    auto inner = (*outer)->share(5, 10);
    ASSERT_TRUE(ok(inner));
    EXPECT_EQ((*inner)->parent(), root.get());
    EXPECT_EQ((*inner)->offset(), root->offset() + 15);
    EXPECT_EQ(contents(**inner), counting(10, 15));
    EXPECT_FALSE(root->is_writable()) << "the root counts all descendants";
    EXPECT_TRUE((*outer)->is_writable()) << "the one between counts none";
    outer->reset();
    EXPECT_TRUE(root->is_writable());
    root.reset();
    EXPECT_EQ(contents(**inner), counting(10, 15)) << "the storage lives until the last share goes";
    auto last = (*inner)->share(9);
    ASSERT_TRUE(ok(last));
    inner->reset();
    EXPECT_EQ(contents(**last), counting(1, 24));
}

TEST_P(Share, IsRefusedWhileTheRootIsWritten) {
    auto root = make(16);
    ASSERT_TRUE(root);
    auto view = root->share();
    ASSERT_TRUE(ok(view));
    for (MapFlags mode : {MapFlags::write, MapFlags::readwrite}) {
        auto mapping = root->map(mode);
        ASSERT_TRUE(ok(mapping));
        EXPECT_TRUE(refused(root->share(), ErrorKind::conflict));
        EXPECT_TRUE(refused((*view)->share(), ErrorKind::conflict)) << "of the share too";
    }
    auto reading = root->map(MapFlags::read);
    ASSERT_TRUE(ok(reading));
    EXPECT_TRUE(ok(root->share()));
    EXPECT_TRUE(ok((*view)->share()));
    ASSERT_TRUE(ok(reading->unmap()));
    view->reset();
    EXPECT_TRUE(idle(*root));
}

TEST_P(Share, OneLeavesTheRootWritableEvenWhileItIsRead) {
    auto root = make(16);
    ASSERT_TRUE(root);
    auto view = root->share(4, 4);
    ASSERT_TRUE(ok(view));
    auto reading = (*view)->map(MapFlags::read);
    ASSERT_TRUE(ok(reading));
    auto writing = root->map(MapFlags::write);
    ASSERT_TRUE(ok(writing)) << "root and share do not lock each other's access";
    ASSERT_TRUE(ok(writing->unmap()));
    ASSERT_TRUE(ok(root->share())) << "(gone at once)";
    auto second = root->share();
    ASSERT_TRUE(ok(second));
    EXPECT_TRUE(refused(root->map(MapFlags::write), ErrorKind::conflict));
}

TEST_P(Share, InheritsTheRootsFlags) {
    if (!self().claims.alloc)
        return;
    const auto custom = static_cast<MemoryFlags>(0x40000000u);
    const auto flags = MemoryFlags::physically_contiguous | MemoryFlags::may_be_leaked | custom;
    auto root = make(16, {.flags = flags});
    ASSERT_TRUE(root);
    auto view = root->share(1, 2);
    ASSERT_TRUE(ok(view));
    EXPECT_EQ((*view)->flags(), flags | MemoryFlags::readonly);
    EXPECT_EQ(root->flags(), flags) << "sharing does not change the root";

    auto alone = make(16, {.flags = MemoryFlags::no_share});
    ASSERT_TRUE(alone);
    EXPECT_TRUE(refused(alone->share(), ErrorKind::unsupported));
    EXPECT_TRUE(idle(*alone));
    auto hidden = make(16, {.flags = MemoryFlags::not_mappable});
    ASSERT_TRUE(hidden);
    auto hidden_view = hidden->share();
    ASSERT_TRUE(ok(hidden_view));
    EXPECT_TRUE(has((*hidden_view)->flags(), MemoryFlags::not_mappable));
}

TEST_P(Share, ClaimsZeroEdgesOnlyWhereTheyAreZero) {
    if (!self().claims.alloc)
        return;
    auto root = make(100, {.flags = zeroed, .prefix = 10, .padding = 10});
    ASSERT_TRUE(root);
    const auto edges = [&](Memory& memory, std::size_t offset, std::size_t size) {
        auto view = memory.share(offset, size);
        EXPECT_TRUE(ok(view));
        return view ? (*view)->flags() & zeroed : MemoryFlags::custom_base;
    };
    EXPECT_EQ(edges(*root, 0, whole), zeroed);
    EXPECT_EQ(edges(*root, 0, 100), zeroed);
    EXPECT_EQ(edges(*root, 1, whole), MemoryFlags::zero_padded);
    EXPECT_EQ(edges(*root, 0, 99), MemoryFlags::zero_prefixed);
    EXPECT_EQ(edges(*root, 1, 98), MemoryFlags::none);
    EXPECT_EQ(edges(*root, 100, 0), MemoryFlags::zero_padded);
    auto view = root->share(20, 60);
    ASSERT_TRUE(ok(view));
    EXPECT_EQ(edges(**view, 0, whole), MemoryFlags::none);
    ASSERT_TRUE(ok((*view)->resize(-20, 100)));
    EXPECT_EQ(edges(**view, 0, whole), zeroed) << "this is the root's own window again";
    EXPECT_EQ((*view)->flags() & zeroed, MemoryFlags::none) << "what was dropped stays dropped";
}

TEST_P(Share, AndSiblingsLiveAndGoInAnyOrder) {
    for (int order = 0; order < 6; ++order) {
        auto root = make(16);
        ASSERT_TRUE(root);
        fill(*root, 1);
        std::array<MemoryRef, 3> all;
        auto a = root->share(0, 8), b = root->share(8, 8);
        ASSERT_TRUE(ok(a) && ok(b));
        all[0] = std::move(root);
        all[1] = std::move(*a);
        all[2] = std::move(*b);
        const std::size_t first = static_cast<std::size_t>(order) % 3;
        const std::size_t second = (first + (order < 3 ? 1 : 2)) % 3;
        all[first].reset();
        all[second].reset();
        Memory& last = *all[3 - first - second];
        EXPECT_EQ(contents(last)[0], last.offset() == 8 ? 9 : 1);
    }
}

HWALLOC_OVER_MAPPING(Share);

} // namespace
} // namespace hwalloc::contract
