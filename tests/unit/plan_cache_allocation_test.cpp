// A plan that is remembered allocates nothing.
#include "tests/unit/allocations.h"
#include "tests/unit/plan_fixture.h"

namespace hwalloc {
namespace {

class PlanAllocationTest : public testing::PlanTest {
protected:
    // What one plan() of an equal request allocates.
    static std::size_t counted(const PlanRequest& request, PlanRef& made) {
        const std::size_t before = testing::allocations;
        auto plan = hwalloc::plan(request);
        const std::size_t after = testing::allocations;
        EXPECT_TRUE(plan);
        if (plan)
            made = *std::move(plan);
        return after - before;
    }
};

TEST_F(PlanAllocationTest, AnEqualRequestAllocatesNothing) {
    if (!testing::sees_allocations)
        GTEST_SKIP() << "a sanitizer has the allocation functions";
    allocator("plan-test/one");
    allocator("plan-test/two");
    participant("camera");
    participant("gpu");
    const PlanRequest asked = request();
    PlanRef first, second;
    EXPECT_GT(counted(asked, first), 0u) << "what is counted is not what the library calls";
    EXPECT_EQ(counted(asked, second), 0u);
    EXPECT_EQ(first, second);
    forget_plans();
    EXPECT_GT(counted(asked, second), 0u);
}

} // namespace
} // namespace hwalloc
