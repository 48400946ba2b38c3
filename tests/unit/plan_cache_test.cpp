// What is remembered of plans, and until when.
#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>

#include "hwalloc/inventory.h"
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

// What an application's own participant may do in each of its functions: use the library, in this thread or
// through another one that it waits for. Nothing of the library's may be locked then.
class CallingBack final : public Participant {
public:
    std::string_view name() const noexcept override { return called("name", "calls back"); }
    std::string_view cache_key() const noexcept override { return called("cache_key", "calls back"); }
    std::vector<AllocatorRef> own_allocators() noexcept override {
        return called("own_allocators", std::vector<AllocatorRef>());
    }
    Result<Constraints> ask(const ImageSpec&) noexcept override {
        return called("ask", Constraints{.sees_cpu_caches = Answer::yes});
    }
    Result<ImageLayout> settle(const ImageLayout& layout) noexcept override {
        return called("settle", layout);
    }
    Result<Recipe> attempt(Memory&, const ImageLayout&) noexcept override {
        return called("attempt", Recipe{.use = "test"});
    }

    std::function<void()> uses_library;
    mutable std::set<std::string> functions;

private:
    template<class T>
    T called(const char* function, T answer) const noexcept {
        functions.insert(function);
        if (uses_library) {
            uses_library();
            std::thread(uses_library).join();
        }
        return answer;
    }
};

TEST_F(PlanTest, ParticipantsMayUseTheLibraryWhileTheyAreAsked) {
    allocator("plan-test/one");
    auto calls_back = std::make_shared<CallingBack>();
    all.push_back(calls_back);
    const PlanRequest asked = request();
    const auto other = std::make_shared<FakeParticipant>("another one's");
    std::atomic<int> registered = 0;
    calls_back->uses_library = [&] {
        const ParticipantRef own[] = {other};
        PlanRequest inner = asked;
        inner.participants = own;
        EXPECT_TRUE(plan(inner));
        EXPECT_TRUE(Allocator::find("plan-test/one"));
        EXPECT_FALSE(Allocator::resolve("plan-test/none"));
        EXPECT_TRUE(inventory(InventoryScan::quick));
        const std::string name = "plan-test/inner-" + std::to_string(++registered);
        EXPECT_TRUE(Allocator::register_allocator(name, AllocatorRef::adopt(new FakeAllocator)));
        EXPECT_TRUE(Allocator::unregister(name));
    };
    ASSERT_TRUE(plan(asked));
    EXPECT_EQ(calls_back->functions.size(), 6u);
    // One that is remembered: every function but the key is left out, and what the key forgets meanwhile is
    // no longer there for the next.
    const auto busy = std::exchange(calls_back->uses_library, nullptr);
    const PlanRef first = plan(asked).value();
    EXPECT_EQ(plan(asked).value(), first);
    calls_back->functions.clear();
    calls_back->uses_library = [&] {
        busy();
        forget_plans();
    };
    EXPECT_EQ(plan(asked).value(), first);
    EXPECT_EQ(calls_back->functions, std::set<std::string>{"cache_key"});
    calls_back->uses_library = nullptr;
    EXPECT_NE(plan(asked).value(), first);
}

} // namespace
} // namespace hwalloc
