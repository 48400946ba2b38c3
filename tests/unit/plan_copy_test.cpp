// Two kinds of memory and a copy in between, where no memory does for all.
#include <gmock/gmock.h>

#include "tests/unit/plan_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class PlanCopyTest : public PlanTest {
protected:
    // Takes memory of this allocator, and no other.
    static void takes_only(FakeParticipant& participant, Allocator& one) {
        participant.trial = [&one](Memory& memory, const ImageLayout&) -> Result<Recipe> {
            if (&memory.allocator() == &one)
                return Recipe{.use = "test"};
            return Error(ErrorKind::incompatible, EINVAL, "trying").call("A_CALL");
        };
    }
    static void takes_only_rows_of(FakeParticipant& participant, std::uint32_t stride) {
        participant.settling = [stride](const ImageLayout& layout) {
            return linear_layout(layout.fourcc, layout.width, layout.height, stride);
        };
    }
    // The copy that is planned, each side's buffers of which can be had and mapped.
    const PlanCopy* copy() {
        plan = made(PlanPolicy::allow_copy, false);
        EXPECT_EQ(plan->choice(), nullptr);
        EXPECT_TRUE(plan->error());
        if (!plan->copy())
            return nullptr;
        for (const PlanRef& side : {plan->copy()->from, plan->copy()->to}) {
            auto buffers = side->allocate(2);
            EXPECT_TRUE(buffers && buffers->memories[1]->map(MapFlags::readwrite));
        }
        return &*plan->copy();
    }
    static std::uint32_t stride_of(const PlanRef& side) { return side->choice()->layout.planes[0].stride; }

    FakeAllocator& one = allocator("plan-test/one");
    FakeAllocator& two = allocator("plan-test/two");
    PlanRef plan;
};

TEST_F(PlanCopyTest, AsManyAsPossibleShareTheFirst) {
    takes_only(*participant("camera"), one);
    participant("gpu");
    takes_only(*participant("screen"), two);
    EXPECT_FALSE(made(PlanPolicy::strict)->copy());
    EXPECT_FALSE(made(PlanPolicy::prefer)->copy());
    const PlanCopy* both = copy();
    ASSERT_TRUE(both);
    EXPECT_EQ(both->participants, 2u);
    EXPECT_EQ(both->from->choice()->name, "plan-test/one");
    EXPECT_EQ(both->to->choice()->name, "plan-test/two");
    ASSERT_EQ(both->from->participants().size(), 3u);
    EXPECT_EQ(both->from->participants()[2].name, "CPU, reading");
    ASSERT_EQ(both->to->participants().size(), 2u);
    EXPECT_EQ(both->to->participants()[0].name, "CPU, writing");
    EXPECT_THAT(plan->explain(), HasSubstr("a copy by the CPU into plan-test/two"));
}

TEST_F(PlanCopyTest, EachSideHasALayoutOfItsOwn) {
    takes_only_rows_of(*participant("camera"), 128);
    takes_only_rows_of(*participant("screen"), 160);
    const PlanCopy* both = copy();
    ASSERT_TRUE(both);
    EXPECT_EQ(both->from->choice()->name, "plan-test/one") << "the same memory, in other rows";
    EXPECT_EQ(both->to->choice()->name, "plan-test/one");
    EXPECT_EQ(stride_of(both->from), 128u);
    EXPECT_EQ(stride_of(both->to), 160u);
}

TEST_F(PlanCopyTest, NumbersThatContradictEachOtherAreMetApart) {
    participant("camera")->needs.pitch_max = 128;
    participant("screen")->needs.pitch_min = 129;
    const PlanCopy* both = copy();
    EXPECT_FALSE(plan->constraints());
    ASSERT_TRUE(both);
    EXPECT_EQ(stride_of(both->from), 128u);
    EXPECT_EQ(stride_of(both->to), 129u);
}

// A GPU that imports no dma-buf has memory of its own, which no camera can have.
TEST_F(PlanCopyTest, WhoImportsNothingUsesItsOwn) {
    takes_only(*participant("camera"), one);
    auto gpu = participant("gpu");
    auto* own = new FakeAllocator;
    own->can.export_dmabuf = false;
    gpu->own = {AllocatorRef::adopt(own)};
    gpu->needs.needs_dma_buf = false;
    takes_only(*gpu, *own);
    const PlanCopy* both = copy();
    ASSERT_TRUE(both);
    EXPECT_EQ(both->to->choice()->name, "own memory of gpu");
}

TEST_F(PlanCopyTest, WhatTheCpuCannotMapIsNotCopied) {
    takes_only(*participant("camera"), one);
    takes_only(*participant("screen"), two);
    kernel.mmap = [](std::size_t, int, int, int, off_t, void**) { return -EACCES; };
    EXPECT_FALSE(copy());
}

TEST_F(PlanCopyTest, WhatIsProvedComesBeforeWhatWasTakenOnce) {
    takes_only(*participant("camera"), one);
    auto gpu = participant("gpu");
    // Whether it needs contiguous memory cannot be found out: the twins are refused as well.
    gpu->needs.contiguous = Answer::unknown;
    takes_only(*gpu, one);
    participant("screen");
    takes_only(*std::static_pointer_cast<FakeParticipant>(all[2]), two);
    const PlanCopy* late = copy();
    ASSERT_TRUE(late);
    EXPECT_EQ(late->participants, 2u) << "the best there is";
    EXPECT_EQ(late->from->choice()->verdict, Verdict::untested);
    gpu->trial = [&](Memory& memory, const ImageLayout&) -> Result<Recipe> {
        if (&memory.allocator() == &two || twins.twin(memory) >= 0)
            return Recipe{.use = "test"};
        return Error(ErrorKind::incompatible, EINVAL, "trying");
    };
    const PlanCopy* early = copy();
    ASSERT_TRUE(early);
    EXPECT_EQ(early->participants, 1u);
    EXPECT_EQ(early->from->choice()->verdict, Verdict::accepted);
    EXPECT_EQ(early->to->choice()->verdict, Verdict::accepted);
}

TEST_F(PlanCopyTest, OneAloneHasNobodyToCopyTo) {
    takes_only(*participant("camera"), one);
    one.failure = Error(ErrorKind::exhausted, ENOMEM, "no memory is left");
    EXPECT_FALSE(copy());
}

} // namespace
} // namespace hwalloc
