// is_span (gst-contract §1.11): two shares that touch.
#include "support.h"

namespace hwalloc::contract {
namespace {

class Span : public ContractTest {};

TEST_P(Span, IsTrueForTouchingSharesOfOneRoot) {
    auto root = make(100);
    ASSERT_TRUE(root);
    auto a = root->share(0, 40), b = root->share(40, 30), c = root->share(70);
    ASSERT_TRUE(ok(a) && ok(b) && ok(c));
    EXPECT_TRUE(Memory::is_span(**a, **b)) << "the offset may be left out";
    std::size_t offset = 777;
    EXPECT_TRUE(Memory::is_span(**a, **b, &offset));
    EXPECT_EQ(offset, 0u);
    EXPECT_TRUE(Memory::is_span(**b, **c, &offset));
    EXPECT_EQ(offset, 40u);
}

TEST_P(Span, IsFalseOtherwiseAndWritesNothing) {
    auto root = make(100), stranger = make(100);
    ASSERT_TRUE(root && stranger);
    auto a = root->share(0, 40), b = root->share(40, 30), far = root->share(71), overlap = root->share(39, 5);
    auto alien = stranger->share(40, 30);
    ASSERT_TRUE(ok(a) && ok(b) && ok(far) && ok(overlap) && ok(alien));
    std::size_t offset = 777;
    EXPECT_FALSE(Memory::is_span(**b, **a, &offset)) << "order matters";
    EXPECT_FALSE(Memory::is_span(**b, **far, &offset));
    EXPECT_FALSE(Memory::is_span(**a, **overlap, &offset));
    EXPECT_FALSE(Memory::is_span(**a, **a, &offset));
    EXPECT_FALSE(Memory::is_span(**a, **alien, &offset)) << "another root";
    EXPECT_FALSE(Memory::is_span(*root, **a, &offset)) << "a root is no share";
    EXPECT_FALSE(Memory::is_span(**a, *root, &offset));
    EXPECT_FALSE(Memory::is_span(*root, *root, &offset));
    EXPECT_FALSE(Memory::is_span(*root, *stranger, &offset));
    EXPECT_EQ(offset, 777u);
}

TEST_P(Span, CountsSharesOfSharesAndEmptyOnes) {
    auto root = make(100);
    ASSERT_TRUE(root);
    auto outer = root->share(10, 80);
    ASSERT_TRUE(ok(outer));
    auto a = (*outer)->share(0, 30), b = root->share(40, 10), none = root->share(50, 0);
    ASSERT_TRUE(ok(a) && ok(b) && ok(none));
    std::size_t offset = 777;
    EXPECT_TRUE(Memory::is_span(**a, **b, &offset));
    EXPECT_EQ(offset, 10u);
    EXPECT_TRUE(Memory::is_span(**b, **none, &offset));
    EXPECT_EQ(offset, 40u);
    EXPECT_TRUE(Memory::is_span(**none, **none, &offset));
    EXPECT_EQ(offset, 50u);
}

TEST_P(Span, SharingTheSumGivesTheSameBytes) {
    auto root = make(100);
    ASSERT_TRUE(root);
    fill(*root, 0);
    ASSERT_TRUE(ok(root->resize(10, 80)));
    auto a = root->share(5, 20), b = root->share(25, 30);
    ASSERT_TRUE(ok(a) && ok(b));
    std::size_t offset = 0;
    ASSERT_TRUE(Memory::is_span(**a, **b, &offset));
    EXPECT_EQ(offset, 5u) << "relative to the root's window";
    auto merged = root->share(offset, (*a)->size() + (*b)->size());
    ASSERT_TRUE(ok(merged));
    auto whole_map = (*merged)->map(MapFlags::read), part = (*a)->map(MapFlags::read);
    ASSERT_TRUE(ok(whole_map) && ok(part));
    EXPECT_EQ(whole_map->data(), part->data());
    EXPECT_EQ(whole_map->data()[49], 64);
}

TEST_P(Span, ABeginningBeforeTheRootsWindowIsNone) {
    auto root = make(100);
    ASSERT_TRUE(root);
    auto a = root->share(0, 20), b = root->share(20, 20);
    ASSERT_TRUE(ok(a) && ok(b));
    EXPECT_TRUE(Memory::is_span(**a, **b));
    b->reset();
    ASSERT_TRUE(ok(root->resize(10, 80)));
    b = root->share(10, 20);
    ASSERT_TRUE(ok(b));
    std::size_t offset = 777;
    EXPECT_FALSE(Memory::is_span(**a, **b, &offset)) << "root.share() could not give the sum";
    EXPECT_EQ(offset, 777u);
}

HWALLOC_OVER_MAPPING(Span);

} // namespace
} // namespace hwalloc::contract
