// How a plan tells memory that a device takes from memory that happened to be contiguous.
#include <gmock/gmock.h>

#include "tests/unit/plan_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class PlanContiguityTest : public PlanTest {
protected:
    PlanContiguityTest() {
        camera->needs.contiguous = Answer::unknown;
        camera->trial = [this](Memory& memory, const ImageLayout&) -> Result<Recipe> {
            const int twin = twins.twin(memory);
            const Allocator* maker = &memory.allocator();
            if (twin >= 0 ? twin_refused[twin] : maker == unreachable || maker == unreachable_too)
                return Error(ErrorKind::incompatible, twin >= 0 ? twin_errno : refused_errno, "trying")
                    .call("QBUF");
            return Recipe{.use = "V4L2 buffer"};
        };
    }
    std::shared_ptr<FakeParticipant> camera = participant("camera");
    FakeAllocator& scattered = allocator("plan-test/scattered");
    bool twin_refused[2] = {};
    int twin_errno = EFAULT, refused_errno = EFAULT;
    Allocator *unreachable = nullptr, *unreachable_too = nullptr;
};

TEST_F(PlanContiguityTest, WhoTakesBothTwinsNeedsNone) {
    const PlanRef plan = made();
    EXPECT_EQ(plan->participants()[0].needs_contiguous, Answer::no);
    ASSERT_TRUE(plan->choice());
    EXPECT_EQ(plan->choice()->verdict, Verdict::accepted);
    EXPECT_EQ(twins.inodes.size(), 2u);
}

// A camera looks at as much as an image of its own takes, which may be a small part of what all need.
TEST_F(PlanContiguityTest, WhoUsesTheBeginningAloneIsNotTakenToTakeScatteredMemory) {
    image = {.size = 64 * page_size()};
    camera->trial = [this](Memory& memory, const ImageLayout&) -> Result<Recipe> {
        const int twin = twins.twin(memory);
        constexpr std::size_t used = 3;
        for (std::size_t i = 1; twin >= 0 && i < used; ++i)
            if (const auto& pages = twins.orders[static_cast<std::size_t>(twin)];
                pages[i] != pages[i - 1] + 1) // the file's own pages are contiguous
                return Error(ErrorKind::incompatible, EFAULT, "trying").call("QBUF");
        return Recipe{.use = "V4L2 buffer"};
    };
    EXPECT_EQ(made()->participants()[0].needs_contiguous, Answer::yes);
}

TEST_F(PlanContiguityTest, LuckIsRefusedWhenOneTwinWas) {
    auto& contiguous = allocator("plan-test/contiguous");
    contiguous.about.contiguous = Answer::yes;
    camera->own = {AllocatorRef::adopt(new FakeAllocator)};
    twin_refused[1] = true;
    const PlanRef plan = made(PlanPolicy::prefer);
    EXPECT_EQ(plan->participants()[0].needs_contiguous, Answer::yes);
    EXPECT_THAT(plan->participants()[0].why_contiguous, HasSubstr("refused one"));
    const PlanCandidate& lucky = candidate(*plan, "plan-test/scattered");
    EXPECT_EQ(lucky.verdict, Verdict::refused);
    EXPECT_THAT(lucky.cells[0].why->message(), HasSubstr("luck"));
    EXPECT_EQ(plan->choice()->name, "plan-test/contiguous");
    EXPECT_EQ(candidate(*plan, "own memory of camera").verdict, Verdict::accepted)
        << "its own memory is right for it, whatever it says of itself";
    EXPECT_EQ(twins.inodes.size(), 2u) << "made once";
}

TEST_F(PlanContiguityTest, RefusalsAreExplainedByTheTwins) {
    unreachable = &scattered;
    twin_refused[0] = true;
    const PlanRef plan = made();
    EXPECT_EQ(candidate(*plan, "plan-test/scattered").verdict, Verdict::refused);
    const std::string told = plan->error()->message();
    EXPECT_THAT(told, HasSubstr("EFAULT"));
    EXPECT_THAT(told, HasSubstr("needs contiguous memory"));
}

TEST_F(PlanContiguityTest, WhoRefusesBothTwinsMayJustNotTakeUdmabufs) {
    twin_refused[0] = twin_refused[1] = true;
    const PlanRef plan = made();
    EXPECT_EQ(plan->participants()[0].needs_contiguous, Answer::unknown);
    EXPECT_EQ(candidate(*plan, "plan-test/scattered").verdict, Verdict::untested);
    EXPECT_EQ(plan->choice(), nullptr) << "strict";
    const PlanRef hopeful = made(PlanPolicy::prefer);
    ASSERT_TRUE(hopeful->choice());
    EXPECT_EQ(hopeful->choice()->name, "plan-test/scattered");
    EXPECT_EQ(hopeful->choice()->verdict, Verdict::untested);
    EXPECT_THAT(hopeful->choice()->cells[0].why->message(), HasSubstr("perhaps by luck"));
    EXPECT_THAT(hopeful->explain(), HasSubstr("perhaps by luck"));
}

// A driver that allocates for a device which needs contiguous memory makes that, and says nothing of it.
TEST_F(PlanContiguityTest, TheOwnMemoryOfADeviceThatNeedsContiguityIsContiguousForOthersToo) {
    auto* own = new FakeAllocator;
    own->about.contiguous = Answer::unknown;
    camera->own = {AllocatorRef::adopt(own)};
    twin_refused[1] = true;
    auto display = participant("display");
    display->needs.contiguous = Answer::unknown;
    display->trial = camera->trial;
    const PlanRef plan = made(PlanPolicy::prefer);
    EXPECT_EQ(plan->participants()[1].needs_contiguous, Answer::yes);
    const PlanCandidate& cameras = candidate(*plan, "own memory of camera");
    EXPECT_EQ(cameras.properties.contiguous, Answer::yes);
    EXPECT_EQ(cameras.verdict, Verdict::accepted)
        << (cameras.cells[1].why ? cameras.cells[1].why->message() : "");
    // Of one that takes anything nothing follows.
    display->trial = std::exchange(camera->trial, nullptr);
    forget_plans();
    EXPECT_EQ(candidate(*made(PlanPolicy::prefer), "own memory of camera").verdict, Verdict::refused);
}

// A display says EINVAL where a camera says EFAULT.
TEST_F(PlanContiguityTest, RefusedTwinsAndScatteredMemoryProveItWhateverTheErrno) {
    twin_refused[0] = twin_refused[1] = true;
    twins.exporter = "system";
    unreachable = &scattered;
    auto& contiguous = allocator("plan-test/contiguous");
    contiguous.about.contiguous = Answer::yes;
    for (const int code : {EFAULT, EINVAL}) {
        twin_errno = refused_errno = code;
        forget_plans();
        EXPECT_EQ(made()->participants()[0].needs_contiguous, Answer::yes) << code;
    }
    twin_errno = EFAULT;
    forget_plans();
    EXPECT_EQ(made()->participants()[0].needs_contiguous, Answer::unknown) << "two answers are two causes";
    // One scattered memory was taken and another was not: that is about something else.
    contiguous.about.contiguous = Answer::no;
    twin_errno = refused_errno = EINVAL;
    forget_plans();
    EXPECT_EQ(made()->participants()[0].needs_contiguous, Answer::unknown);
    contiguous.about.contiguous = Answer::yes;
    // EINVAL of one that imports nothing, as bochs-drm, may be about anything.
    camera->own = {AllocatorRef::adopt(new FakeAllocator)};
    twin_errno = EINVAL;
    unreachable_too = &contiguous;
    forget_plans();
    EXPECT_EQ(made()->participants()[0].needs_contiguous, Answer::unknown);
}

TEST_F(PlanContiguityTest, WithoutUdmabufOnlyGuaranteesCount) {
    twins.udmabuf_open = -EACCES;
    auto& contiguous = allocator("plan-test/contiguous");
    contiguous.about.contiguous = Answer::yes;
    const PlanRef plan = made();
    EXPECT_EQ(plan->participants()[0].needs_contiguous, Answer::unknown);
    EXPECT_EQ(plan->choice()->name, "plan-test/contiguous");
    EXPECT_THAT(candidate(*plan, "plan-test/scattered").cells[0].why->message(), HasSubstr("/dev/udmabuf"));
}

TEST_F(PlanContiguityTest, ABusyDeviceProvesNothing) {
    camera->trial = [this](Memory& memory, const ImageLayout&) -> Result<Recipe> {
        if (twins.twin(memory) >= 0)
            return Error(ErrorKind::busy, EBUSY, "trying");
        return Recipe{.use = "V4L2 buffer"};
    };
    const PlanRef plan = made();
    EXPECT_EQ(plan->participants()[0].needs_contiguous, Answer::unknown);
    EXPECT_EQ(candidate(*plan, "plan-test/scattered").verdict, Verdict::untested);
}

TEST_F(PlanContiguityTest, ATrialThatCouldNotBeMadeProvesNothing) {
    for (const int code : {EMFILE, ENOMEM, EACCES, ENODEV}) {
        camera->trial = [&](Memory& memory, const ImageLayout&) -> Result<Recipe> {
            if (twins.twin(memory) == 1)
                return Error::from_errno(code, "trying");
            return Recipe{.use = "V4L2 buffer"};
        };
        forget_plans();
        EXPECT_EQ(made()->participants()[0].needs_contiguous, Answer::unknown) << code;
    }
}

TEST_F(PlanContiguityTest, TwinsAreNotNeededWhereContiguityIsPromised) {
    scattered.about.contiguous = Answer::yes;
    EXPECT_EQ(made(PlanPolicy::strict, false)->choice()->verdict, Verdict::accepted);
    EXPECT_TRUE(twins.inodes.empty());
}

} // namespace
} // namespace hwalloc
