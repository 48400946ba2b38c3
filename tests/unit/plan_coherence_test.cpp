// Memory that the CPU and a device would see differently.
#include <gmock/gmock.h>

#include <algorithm>

#include "allocators/plan/planner.h"
#include "tests/unit/plan_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class PlanCoherenceTest : public PlanTest {
protected:
    PlanCoherenceTest() {
        camera->needs.sees_cpu_caches = Answer::no;
        memory.about.sync = SyncQuality::exporter_only;
        all.push_back(*cpu_participant(MapFlags::read));
    }
    // Of the CPU, as the plan is made now.
    const PlanCell& cell() {
        forget_plans();
        plan = made();
        return plan->candidates()[0].cells[1];
    }
    std::shared_ptr<FakeParticipant> camera = participant("camera");
    FakeAllocator& memory = allocator("plan-test/memory");
    PlanRef plan;
};

TEST_F(PlanCoherenceTest, CachesThatNobodyMaintainsAreARefusal) {
    EXPECT_EQ(cell().verdict, Verdict::refused);
    EXPECT_EQ(cell().why->kind(), ErrorKind::incompatible);
    EXPECT_THAT(cell().why->message(), HasSubstr("camera"));
    EXPECT_EQ(plan->choice(), nullptr);
    EXPECT_EQ(plan->candidates()[0].cells[0].verdict, Verdict::accepted) << "the camera takes it";
}

TEST_F(PlanCoherenceTest, WhatMaintainsThemForImportersDoes) {
    memory.about.sync = SyncQuality::importer_aware;
    EXPECT_EQ(cell().verdict, Verdict::accepted);
}

TEST_F(PlanCoherenceTest, WhatTheCpuDoesNotCacheDoes) {
    memory.about.cached = Answer::no;
    EXPECT_EQ(cell().verdict, Verdict::accepted);
}

TEST_F(PlanCoherenceTest, ADeviceThatSeesTheCachesDoesAnywhere) {
    camera->needs.sees_cpu_caches = Answer::yes;
    EXPECT_EQ(cell().verdict, Verdict::accepted);
}

TEST_F(PlanCoherenceTest, ADevicesOwnMemoryIsKeptRightByItsDriver) {
    auto own = AllocatorRef::adopt(new FakeAllocator);
    static_cast<FakeAllocator&>(*own).about.sync = SyncQuality::exporter_only;
    camera->own = {own};
    auto lenient =
        hwalloc::plan({.participants = all, .image = image, .policy = PlanPolicy::prefer, .complete = true});
    ASSERT_TRUE(lenient);
    EXPECT_EQ(candidate(**lenient, "own memory of camera").verdict, Verdict::accepted);
}

TEST_F(PlanCoherenceTest, WhatNobodyKnowsIsUntestedAndTakenWhenNothingElseDoes) {
    camera->needs.sees_cpu_caches = Answer::unknown;
    EXPECT_EQ(cell().verdict, Verdict::untested);
    EXPECT_EQ(plan->choice(), nullptr) << "strict takes nothing that is not known to be right";
    // What this machine really has may be proved, and comes before it.
    const PlanRef lenient = made(PlanPolicy::prefer);
    ASSERT_TRUE(lenient->choice());
    const auto at = std::find_if(lenient->ranking().begin(), lenient->ranking().end(), [&](std::size_t one) {
        return lenient->candidates()[one].verdict != Verdict::accepted;
    });
    ASSERT_NE(at, lenient->ranking().end());
    EXPECT_EQ(lenient->candidates()[*at].name, "plan-test/memory");
    EXPECT_EQ(lenient->candidates()[*at].verdict, Verdict::untested);
}

// Nobody makes the calls for the caches then, so memory that answers them is no better.
TEST_F(PlanCoherenceTest, ADriverThatFillsMemoryByTheCpuMaintainsNothing) {
    all.pop_back();
    auto usb = participant("usb camera");
    usb->needs.through_cpu_caches = true;
    memory.about.sync = SyncQuality::importer_aware;
    EXPECT_EQ(cell().verdict, Verdict::refused);
    EXPECT_STREQ(cell().recipe.use, "") << "what is refused has no recipe";
    usb->needs.syncs_cpu_access = true;
    EXPECT_EQ(cell().verdict, Verdict::accepted) << "it makes them itself";
    memory.about.sync = SyncQuality::exporter_only;
    EXPECT_EQ(cell().verdict, Verdict::refused)
        << "which does not help where the exporter ignores other devices";
    usb->needs.syncs_cpu_access = false;
    memory.about.sync = SyncQuality::importer_aware;
    camera->needs.sees_cpu_caches = Answer::yes;
    usb->needs.sees_cpu_caches = Answer::unknown; // of itself
    EXPECT_EQ(cell().verdict, Verdict::accepted) << "it is not compared with itself";
}

TEST_F(PlanCoherenceTest, WithoutTheCpuNoCacheMatters) {
    all.pop_back();
    EXPECT_EQ(made()->choice()->verdict, Verdict::accepted);
}

} // namespace
} // namespace hwalloc
