// What is remembered of plans, and until when.
#include <gmock/gmock.h>

#include "tests/unit/plan_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;

TEST_F(PlanTest, AnEqualRequestGetsTheSamePlanWithoutASystemCall) {
    allocator("plan-test/one");
    auto gpu = participant("gpu");
    const PlanRef first = made();
    const int attempts = gpu->attempts;
    // Another object that is the same device in the same use.
    all.clear();
    auto same = participant("gpu");
    KernelWatch watch;
    watch.clear();
    const PlanRef second = made();
    EXPECT_EQ(watch.calls, 0);
    EXPECT_EQ(first, second);
    EXPECT_EQ(gpu->attempts, attempts);
    EXPECT_EQ(same->asked, 0);
}

TEST_F(PlanTest, AnotherRequestGetsAnotherPlan) {
    allocator("plan-test/one");
    auto gpu = participant("gpu");
    const PlanRef first = made();
    EXPECT_NE(made(PlanPolicy::prefer), first);
    EXPECT_NE(made(PlanPolicy::strict, false), first);
    gpu->key = "gpu, in another use";
    EXPECT_NE(made(), first);
    gpu->key = "gpu";
    EXPECT_EQ(made(), first);
    image.width = 32;
    EXPECT_NE(made(), first);
}

TEST_F(PlanTest, WhatComesAndGoesMakesPlansOld) {
    allocator("plan-test/one");
    participant("gpu");
    const PlanRef first = made();
    ASSERT_TRUE(Allocator::unregister("plan-test/one"));
    EXPECT_EQ(made()->choice(), nullptr);
    allocator("plan-test/one");
    EXPECT_NE(made(), first);
    const PlanRef second = made();
    EXPECT_EQ(made(), second);
    forget_plans();
    EXPECT_NE(made(), second);
}

TEST_F(PlanTest, APlanThatWasBegunBeforeForgettingIsNotKept) {
    allocator("plan-test/one");
    auto gpu = participant("gpu");
    gpu->trial = [](Memory&, const ImageLayout&) {
        forget_plans(); // what another thread does meanwhile
        return Result<Recipe>(Recipe{.use = "test"});
    };
    const PlanRef first = made();
    ASSERT_TRUE(first->choice());
    gpu->trial = nullptr;
    const PlanRef second = made();
    EXPECT_NE(second, first);
    EXPECT_EQ(made(), second);
}

TEST_F(PlanTest, OldPlansAreLetGoOf) {
    allocator("plan-test/one");
    participant("gpu");
    const std::weak_ptr<const Plan> first = made();
    EXPECT_FALSE(first.expired());
    allocator("plan-test/two");
    image.width = 32;
    (void)made();
    EXPECT_TRUE(first.expired());
}

TEST_F(PlanTest, WhatFailedIsTriedAgain) {
    auto& one = allocator("plan-test/one");
    one.failure = Error(ErrorKind::permission, EACCES, "not allowed");
    participant("gpu");
    EXPECT_EQ(made()->choice(), nullptr);
    one.failure.reset();
    EXPECT_TRUE(made()->choice()) << "permissions change without an event";
}

TEST_F(PlanTest, WhatHasNoNameIsNotKept) {
    AllocatorRef own = AllocatorRef::adopt(new FakeAllocator);
    auto gpu = participant("gpu");
    gpu->own = {own};
    allocator("plan-test/one");
    const PlanRef first = made(PlanPolicy::prefer);
    EXPECT_EQ(candidate(*first, "own memory of gpu").allocator.get(), own.get());
    EXPECT_NE(made(PlanPolicy::prefer), first);
    gpu->own.clear();
    const PlanRef named = made(PlanPolicy::prefer);
    EXPECT_EQ(made(PlanPolicy::prefer), named);
    gpu->key.clear();
    EXPECT_NE(made(PlanPolicy::prefer), named);
    EXPECT_NE(made(PlanPolicy::prefer), made(PlanPolicy::prefer)) << "without a key";
}

TEST_F(PlanTest, WhatWasPassedOverForTheMomentIsTriedAgain) {
    auto& best = allocator("plan-test/best");
    allocator("plan-test/next");
    participant("gpu");
    best.failure = Error(ErrorKind::exhausted, ENOMEM, "no memory is left");
    EXPECT_EQ(made()->choice()->name, "plan-test/next");
    best.failure.reset();
    EXPECT_EQ(made()->choice()->name, "plan-test/best");
}

TEST_F(PlanTest, AFewAreRemembered) {
    allocator("plan-test/one");
    participant("gpu");
    const PlanRef first = made();
    for (std::uint32_t i = 1; i <= 7; ++i) {
        image.width = 64 + 2 * i;
        (void)made();
    }
    image.width = 64;
    EXPECT_EQ(made(), first);
    image.width = 90;
    (void)made();
    image.width = 64;
    EXPECT_NE(made(), first) << "the oldest went";
}

} // namespace
} // namespace hwalloc
