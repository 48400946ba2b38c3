// lock, unlock and is_writable (gst-contract §1.6): the table, row by row, and every sequence of three locks
// against the rule written again.
#include <array>
#include <optional>

#include "support.h"

namespace hwalloc::contract {
namespace {

constexpr LockFlags R = LockFlags::read, W = LockFlags::write, RW = LockFlags::readwrite,
                    X = LockFlags::exclusive;
constexpr std::array all_locks{R, W, RW, X, R | X, W | X, RW | X};

class Lock : public ContractTest {};

// One row: after the locks held, a request is granted or refused; everything is undone afterwards.
void expect_row(Memory& memory, std::initializer_list<LockFlags> held, LockFlags request, bool granted) {
    SCOPED_TRACE(testing::Message() << "request " << static_cast<std::uint32_t>(request));
    for (LockFlags one : held)
        ASSERT_TRUE(ok(memory.lock(one)));
    if (granted) {
        EXPECT_TRUE(ok(memory.lock(request)));
        EXPECT_TRUE(ok(memory.unlock(request)));
    } else {
        EXPECT_TRUE(refused(memory.lock(request), ErrorKind::conflict));
    }
    for (LockFlags one : held)
        ASSERT_TRUE(ok(memory.unlock(one)));
    EXPECT_TRUE(idle(memory));
}

TEST_P(Lock, IsTheTable) {
    auto owner = make(16);
    ASSERT_TRUE(owner);
    Memory& memory = *owner;
    for (LockFlags any : all_locks)
        expect_row(memory, {}, any, true);

    expect_row(memory, {R}, R, true);
    expect_row(memory, {R}, W, false);
    expect_row(memory, {R}, RW, false);

    expect_row(memory, {W}, W, true);
    expect_row(memory, {W}, R, false);
    expect_row(memory, {W}, RW, false);

    expect_row(memory, {RW}, R, true);
    expect_row(memory, {RW}, W, true);
    expect_row(memory, {RW}, RW, true);

    expect_row(memory, {W | X}, X, false);
    expect_row(memory, {W | X}, W, true);

    expect_row(memory, {R | X}, R | X, true);

    expect_row(memory, {RW | X}, R, true);
    expect_row(memory, {RW | X}, W, true);
    expect_row(memory, {RW | X}, R | X, false);
    expect_row(memory, {RW | X}, X, false);

    for (LockFlags request : {W, RW, W | X, RW | X})
        expect_row(memory, {X, X}, request, false);
    expect_row(memory, {X, X}, R, true);
    expect_row(memory, {X, X}, R | X, true);
    expect_row(memory, {X}, W | X, false);
    expect_row(memory, {X}, W, true);
}

TEST_P(Lock, OfReadonlyMemoryIsNeverForWriting) {
    auto owner = make(16);
    ASSERT_TRUE(owner);
    auto view = owner->share();
    ASSERT_TRUE(ok(view));
    ASSERT_TRUE(has((*view)->flags(), MemoryFlags::readonly));
    for (LockFlags request : {W, RW, W | X, RW | X})
        EXPECT_TRUE(refused((*view)->lock(request), ErrorKind::conflict));
    expect_row(**view, {}, R | X, true);
    EXPECT_TRUE((*view)->is_writable()) << "looks at shares and EXCLUSIVE locks alone";
}

// The rule of §1.6, for locks without unlocks in between: the first mode is what later ones must lie within.
struct Rule {
    std::uint32_t mode = 0, shares = 0;
    bool lock(LockFlags request) {
        const auto bits = static_cast<std::uint32_t>(request);
        const std::uint32_t access = bits & 3, after = shares + (bits >> 2);
        if (((mode | access) & 2) && after >= 2)
            return false;
        if (access && mode && (access & ~mode))
            return false;
        mode = mode ? mode : access;
        shares = after;
        return true;
    }
};

TEST_P(Lock, EverySequenceOfThreeFollowsTheRule) {
    auto owner = make(16);
    ASSERT_TRUE(owner);
    for (LockFlags a : all_locks)
        for (LockFlags b : all_locks)
            for (LockFlags c : all_locks)
                for (std::size_t first_undone = 0; first_undone < 3; ++first_undone) {
                    Rule rule;
                    std::array<std::optional<LockFlags>, 3> held;
                    for (std::size_t i = 0; LockFlags request : {a, b, c}) {
                        const bool granted = rule.lock(request);
                        ASSERT_EQ(ok(owner->lock(request)), granted)
                            << static_cast<int>(a) << " " << static_cast<int>(b) << " " << static_cast<int>(c)
                            << " at " << i;
                        if (granted)
                            held[i] = request;
                        ASSERT_EQ(owner->is_writable(), rule.shares < 2);
                        ++i;
                    }
                    for (std::size_t i = 0; i < 3; ++i)
                        if (auto& one = held[(first_undone + i) % 3]) {
                            ASSERT_TRUE(ok(owner->unlock(*one)));
                        }
                    ASSERT_TRUE(idle(*owner));
                }
}

TEST_P(Lock, AndMapAreOneMechanism) {
    auto owner = make(16);
    ASSERT_TRUE(owner);
    ASSERT_TRUE(ok(owner->lock(R)));
    EXPECT_TRUE(ok(owner->map(MapFlags::read)));
    EXPECT_TRUE(refused(owner->map(MapFlags::write), ErrorKind::conflict));
    ASSERT_TRUE(ok(owner->unlock(R)));
    {
        auto mapping = owner->map(MapFlags::write);
        ASSERT_TRUE(ok(mapping));
        EXPECT_TRUE(refused(owner->lock(R), ErrorKind::conflict));
        EXPECT_TRUE(ok(owner->lock(X))) << "one holder besides the writer";
        EXPECT_TRUE(refused(owner->lock(X), ErrorKind::conflict));
        EXPECT_TRUE(ok(owner->unlock(X)));
    }
    ASSERT_TRUE(ok(owner->lock(W)));
    EXPECT_TRUE(refused(owner->share(), ErrorKind::conflict));
    ASSERT_TRUE(ok(owner->unlock(W)));
    EXPECT_TRUE(idle(*owner));
}

TEST_P(Lock, AnExclusiveHolderCountsLikeAShare) {
    auto owner = make(16);
    ASSERT_TRUE(owner);
    ASSERT_TRUE(ok(owner->lock(X))); // as a buffer takes on each memory it holds
    EXPECT_TRUE(owner->is_writable());
    auto view = owner->share();
    ASSERT_TRUE(ok(view));
    EXPECT_FALSE(owner->is_writable());
    EXPECT_TRUE(refused(owner->map(MapFlags::write), ErrorKind::conflict));
    EXPECT_TRUE(refused(owner->resize(0, 8), ErrorKind::conflict));
    view->reset();
    EXPECT_TRUE(owner->is_writable()) << "releasing the share restores it";
    ASSERT_TRUE(ok(owner->unlock(X)));
    EXPECT_TRUE(idle(*owner));
}

TEST_P(Lock, UnlockWithoutALockChangesNothing) {
    auto owner = make(16);
    ASSERT_TRUE(owner);
    for (LockFlags request : all_locks)
        EXPECT_TRUE(refused(owner->unlock(request), ErrorKind::conflict));
    ASSERT_TRUE(ok(owner->lock(R)));
    for (LockFlags request : {W, RW, X, R | X, RW | X})
        EXPECT_TRUE(refused(owner->unlock(request), ErrorKind::conflict));
    ASSERT_TRUE(ok(owner->unlock(R)));
    EXPECT_EQ(owner->ref_count(), 1u);
    EXPECT_TRUE(idle(*owner));
}

TEST_P(Lock, RefusesNoAndUnknownFlags) {
    auto owner = make(16);
    ASSERT_TRUE(owner);
    for (std::uint32_t bits : {0x0u, 0x8u, 0x9u, 0x100u, 0x101u, 0x80000000u}) {
        EXPECT_TRUE(refused(owner->lock(static_cast<LockFlags>(bits)), ErrorKind::invalid)) << bits;
        EXPECT_TRUE(refused(owner->unlock(static_cast<LockFlags>(bits)), ErrorKind::invalid)) << bits;
    }
    EXPECT_TRUE(idle(*owner));
}

TEST_P(Lock, KeepsItsMemoryAlive) {
    for (LockFlags request : all_locks) {
        auto owner = make(16);
        ASSERT_TRUE(owner);
        Memory* const object = owner.get();
        ASSERT_TRUE(ok(object->lock(request)));
        owner.reset();
        EXPECT_EQ(object->ref_count(), 0u);
        EXPECT_EQ(object->size(), 16u);
        ASSERT_TRUE(ok(object->unlock(request))); // and it goes: TearDown and the leak checker look
    }
}

HWALLOC_OVER_MAPPING(Lock);

} // namespace
} // namespace hwalloc::contract
