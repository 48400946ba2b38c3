// What a plan takes, in which order, and what it tells of the rest.
#include <gmock/gmock.h>

#include "tests/unit/plan_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Error refused(int code = EINVAL) {
    return Error(ErrorKind::incompatible, code, "trying").call("A_CALL").remedy("for a reason");
}

TEST_F(PlanTest, WhoIsNotReadyForTrialsRefusesWithThatReason) {
    allocator("plan-test/memory");
    auto ready = participant("ready"), other = participant("other");
    other->not_ready = Error(ErrorKind::busy, "setting the format");
    const PlanRef busy = made();
    EXPECT_EQ(candidate(*busy, "plan-test/memory").cells[1].verdict, Verdict::untested);
    EXPECT_THAT(candidate(*busy, "plan-test/memory").cells[1].why->message(),
                HasSubstr("setting the format"));
    EXPECT_EQ(other->attempts, 0);
    for (const auto& one : {ready, other})
        EXPECT_TRUE(one->begun == 1 && one->ended == 1) << one->name();
}

// Reading what turns out uncached takes many times as long.
TEST_F(PlanTest, ForACpuThatReadsMemoryKnownToBeCachedComesFirst) {
    auto *unknown = new FakeAllocator, *cached = new FakeAllocator, *uncached = new FakeAllocator;
    unknown->about = {.contiguous = Answer::yes, .cached = Answer::unknown, .cost = 10};
    cached->about = {.contiguous = Answer::yes, .cached = Answer::yes, .cost = 50};
    uncached->about = {.contiguous = Answer::yes, .cached = Answer::no, .cost = 10};
    auto first = participant("first"), second = participant("second"), third = participant("third");
    first->own = {AllocatorRef::adopt(uncached)};
    second->own = {AllocatorRef::adopt(unknown)};
    third->own = {AllocatorRef::adopt(cached)};
    const auto order = [&] {
        std::vector<std::string> names;
        const PlanRef plan = made(PlanPolicy::prefer);
        for (const PlanCandidate& one : plan->candidates())
            if (one.name.starts_with("own memory"))
                names.push_back(one.name.substr(one.name.rfind(' ') + 1));
        return names;
    };
    EXPECT_THAT(order(), ElementsAre("first", "second", "third")) << "by what they cost";
    all.push_back(*cpu_participant(MapFlags::read));
    EXPECT_THAT(order(), ElementsAre("third", "second", "first"));
}

TEST_F(PlanTest, ParticipantsAndNamesMayStandInBraces) {
    allocator("plan-test/first");
    allocator("plan-test/second");
    const auto camera = participant("camera"), gpu = participant("gpu");
    const auto two =
        plan({camera, gpu}, {"plan-test/second"}, {.image = image, .policy = PlanPolicy::strict});
    ASSERT_TRUE(two && (*two)->choice());
    EXPECT_EQ((*two)->choice()->name, "plan-test/second");
    ASSERT_EQ((*two)->participants().size(), 2u);
    EXPECT_EQ((*two)->participants()[1].name, "gpu");
    const auto one = plan({gpu}, {.image = image});
    ASSERT_TRUE(one);
    ASSERT_EQ((*one)->participants().size(), 1u);
    EXPECT_EQ((*one)->participants()[0].name, "gpu");
}

TEST_F(PlanTest, TriesEveryCandidateOnEveryParticipantAtTheRealSize) {
    allocator("plan-test/one");
    allocator("plan-test/two");
    auto camera = participant("camera"), gpu = participant("gpu");
    std::vector<std::size_t> sizes;
    gpu->trial = [&](Memory& memory, const ImageLayout& layout) -> Result<Recipe> {
        sizes.push_back(memory.size());
        EXPECT_EQ(layout.planes[0].stride, 128u);
        return refused(ENOSYS);
    };
    const PlanRef plan = made();
    EXPECT_THAT(sizes, ElementsAre(64u * 48 * 2, 64u * 48 * 2));
    EXPECT_EQ(plan->choice(), nullptr);
    ASSERT_EQ(plan->candidates().size(), 2u);
    for (const PlanCandidate& one : plan->candidates()) {
        ASSERT_EQ(one.cells.size(), 2u);
        EXPECT_EQ(one.verdict, Verdict::refused);
        EXPECT_EQ(one.cells[0].verdict, Verdict::accepted);
        EXPECT_EQ(one.cells[1].verdict, Verdict::refused);
        EXPECT_EQ(one.cells[1].why->call(), "A_CALL");
        EXPECT_EQ(one.cells[1].why->code(), ENOSYS);
    }
    ASSERT_TRUE(plan->error());
    const std::string told = plan->error()->message();
    EXPECT_THAT(told, HasSubstr("plan-test/one"));
    EXPECT_THAT(told, HasSubstr("plan-test/two"));
    EXPECT_THAT(told, HasSubstr("for a reason"));
    EXPECT_FALSE(plan->allocate(1));
    EXPECT_THAT(plan->explain(), HasSubstr("A_CALL"));
}

TEST_F(PlanTest, TakesThePreferredFirstThenByCost) {
    auto& dear = allocator("plan-test/dear");
    dear.about.cost = 90;
    participant("gpu")->own = {AllocatorRef::adopt(new FakeAllocator)};
    const PlanRef plan = made(PlanPolicy::prefer);
    ASSERT_TRUE(plan->choice());
    EXPECT_EQ(plan->choice()->name, "plan-test/dear");
    EXPECT_TRUE(plan->choice()->preferred);
    // What the participant brings has no name of its own, and comes next: nothing is cheaper than 20 here.
    EXPECT_EQ(plan->candidates()[1].name, "own memory of gpu");
}

TEST_F(PlanTest, StopsAtTwoThatDoUnlessAllIsAskedFor) {
    auto& one = allocator("plan-test/one");
    allocator("plan-test/two");
    auto& three = allocator("plan-test/three");
    participant("gpu");
    const PlanRef quick = made(PlanPolicy::strict, false);
    EXPECT_EQ(quick->choice()->name, "plan-test/one");
    EXPECT_EQ(three.allocations, 0);
    EXPECT_EQ(candidate(*quick, "plan-test/three").verdict, Verdict::untested);
    one.failure = Error(ErrorKind::exhausted, ENOMEM, "no memory is left");
    auto buffers = quick->allocate(2);
    ASSERT_TRUE(buffers) << "there is one to fall back to";
    EXPECT_EQ(quick->candidates()[buffers->candidate].name, "plan-test/two");
    one.failure.reset();
    const PlanRef all_of_it = made(PlanPolicy::strict, true);
    EXPECT_EQ(three.allocations, 1);
    EXPECT_EQ(all_of_it->ranking().size(), 3u);
}

TEST_F(PlanTest, TellsWhatAQuickPlanLeftOutInOneLine) {
    for (const char* name : {"plan-test/one", "plan-test/two", "plan-test/three", "plan-test/four"})
        allocator(name);
    participant("gpu");
    participant("camera");
    const std::string words = made(PlanPolicy::strict, false)->explain();
    EXPECT_EQ(words.find("not tried"), words.rfind("not tried")) << words;
    EXPECT_THAT(words, HasSubstr("not tried, as what comes before does: plan-test/three, plan-test/four\n"));
}

TEST_F(PlanTest, TriesNoMoreThanTheMachineHas) {
    auto& common = allocator("plan-test/common");
    auto& device = allocator("plan-test/device");
    device.about.device_local = Answer::yes;
    device.failure = Error(ErrorKind::exhausted, "the device has less");
    participant("gpu");
    // A machine has more than a 32-bit process can ask for.
    constexpr bool small = sizeof(void*) == 4;
    image = {.size = std::uint64_t{1} << (small ? 30 : 50)};
    if (small)
        common.failure = Error(ErrorKind::exhausted, "it would be of this process");
    const PlanRef plan = made();
    if (!small) {
        EXPECT_EQ(common.allocations, 0);
        EXPECT_EQ(candidate(*plan, "plan-test/common").why->kind(), ErrorKind::exhausted);
    }
    EXPECT_EQ(device.allocations, 1) << "a device's own memory is not the machine's";
}

TEST_F(PlanTest, AParticipantThatRanShortHasSaidNothing) {
    allocator("plan-test/one");
    participant("gpu")->trial = [](Memory&, const ImageLayout&) -> Result<Recipe> {
        return Error(ErrorKind::exhausted, EMFILE, "no descriptor is left");
    };
    EXPECT_EQ(candidate(*made(), "plan-test/one").cells[0].verdict, Verdict::untested);
}

TEST_F(PlanTest, TellsOfPreferredNamesThatLeadNowhere) {
    allocator("plan-test/one").can.export_dmabuf = false;
    participant("gpu");
    auto wanted = request();
    const std::string_view names[] = {"plan-test/none", "plan-test/one"};
    wanted.prefer = names;
    auto plan = hwalloc::plan(wanted);
    ASSERT_TRUE(plan);
    EXPECT_EQ((*plan)->choice(), nullptr);
    EXPECT_THAT(candidate(**plan, "plan-test/none").why->message(), HasSubstr("plan-test/none"));
    EXPECT_THAT(candidate(**plan, "plan-test/one").why->message(), HasSubstr("no dma-buf"));
}

TEST_F(PlanTest, KeepsWhatCannotBeHadApartFromWhatIsRefused) {
    allocator("plan-test/empty").failure = Error(ErrorKind::exhausted, ENOMEM, "no memory is left");
    allocator("plan-test/full");
    participant("gpu");
    const PlanRef plan = made();
    EXPECT_EQ(plan->choice()->name, "plan-test/full");
    const PlanCandidate& empty = candidate(*plan, "plan-test/empty");
    EXPECT_EQ(empty.verdict, Verdict::untested);
    EXPECT_EQ(empty.why->code(), ENOMEM);
    EXPECT_EQ(empty.cells[0].verdict, Verdict::untested);
    EXPECT_EQ(empty.cells[0].why->code(), ENOMEM);
}

TEST_F(PlanTest, BusyIsUntestedNotRefused) {
    allocator("plan-test/one");
    participant("camera")->trial = [](Memory&, const ImageLayout&) -> Result<Recipe> {
        return Error(ErrorKind::busy, EBUSY, "somebody streams");
    };
    const PlanRef plan = made(PlanPolicy::prefer);
    EXPECT_EQ(plan->choice(), nullptr);
    EXPECT_EQ(candidate(*plan, "plan-test/one").cells[0].verdict, Verdict::untested);
    EXPECT_EQ(candidate(*plan, "plan-test/one").cells[0].why->code(), EBUSY);
}

TEST_F(PlanTest, AParticipantThatTakesNoSuchImageRefusesAll) {
    allocator("plan-test/one");
    auto camera = participant("camera"), gpu = participant("gpu");
    camera->refusal = Error(ErrorKind::unsupported, "no such format");
    const PlanRef plan = made();
    EXPECT_EQ(camera->attempts, 0);
    EXPECT_EQ(gpu->attempts > 0, true) << "the others are tried all the same";
    EXPECT_EQ(candidate(*plan, "plan-test/one").cells[0].verdict, Verdict::refused);
    EXPECT_THAT(plan->error()->message(), HasSubstr("no such format"));
}

TEST_F(PlanTest, ContradictionsAreToldBeforeAnythingIsTried) {
    auto& one = allocator("plan-test/one");
    participant("a")->needs.modifiers = {1, 2};
    participant("b")->needs.modifiers = {3};
    const PlanRef plan = made();
    EXPECT_EQ(one.allocations, 0);
    EXPECT_FALSE(plan->constraints());
    EXPECT_THAT(plan->error()->message(), HasSubstr("contradict"));
    EXPECT_EQ(candidate(*plan, "plan-test/one").verdict, Verdict::untested);
}

TEST_F(PlanTest, GoesRoundUntilNobodyChangesTheLayout) {
    allocator("plan-test/one");
    const auto multiple_of = [](std::uint32_t step) {
        return [step](const ImageLayout& layout) -> Result<ImageLayout> {
            const std::uint32_t stride = (layout.planes[0].stride + step - 1) / step * step;
            return linear_layout(layout.fourcc, layout.width, layout.height, stride);
        };
    };
    participant("a")->settling = multiple_of(96);
    participant("b")->settling = multiple_of(64);
    const PlanRef plan = made();
    ASSERT_TRUE(plan->choice());
    EXPECT_EQ(plan->choice()->layout.planes[0].stride, 192u);
    EXPECT_EQ(plan->choice()->layout.memory_sizes[0], 192u * 48);
}

TEST_F(PlanTest, ADisagreementIsAnAnswer) {
    auto& one = allocator("plan-test/one");
    const auto always = [](std::uint32_t stride) {
        return [stride](const ImageLayout& layout) -> Result<ImageLayout> {
            return linear_layout(layout.fourcc, layout.width, layout.height, stride);
        };
    };
    participant("the first")->settling = always(128);
    participant("the second")->settling = always(160);
    const PlanRef plan = made();
    EXPECT_EQ(plan->choice(), nullptr);
    EXPECT_EQ(one.allocations, 0);
    const std::string told = plan->error()->message();
    EXPECT_THAT(told, HasSubstr("128"));
    EXPECT_THAT(told, HasSubstr("160"));
}

// A participant that says in numbers what it needs, and leaves the rest to the default, is respected as well.
TEST_F(PlanTest, NumbersHoldForWhatOthersMakeOfTheLayout) {
    auto& one = allocator("plan-test/one");
    auto camera = participant("camera");
    auto card = participant("card");
    card->needs.size_align = 4096;
    camera->settling = [](const ImageLayout& layout) -> Result<ImageLayout> {
        auto settled = linear_layout(layout.fourcc, layout.width, layout.height, 160);
        settled->memory_sizes[0] += 7;
        return settled;
    };
    const PlanRef plan = made();
    ASSERT_TRUE(plan->choice());
    EXPECT_EQ(plan->choice()->layout.memory_sizes[0], 8192u) << "160 * 48 and 7, to a multiple";
    card->needs.pitch_align = 64;
    forget_plans();
    const PlanRef none = made();
    EXPECT_EQ(none->choice(), nullptr);
    EXPECT_THAT(none->error()->message(), HasSubstr("a multiple of 64"));
    // Nor is the allocator's own layout taken against them.
    camera->settling = nullptr;
    one.pitch_step = 160;
    forget_plans();
    const PlanRef bytes = made();
    ASSERT_TRUE(bytes->choice());
    EXPECT_FALSE(bytes->choice()->lays_out);
    EXPECT_EQ(bytes->choice()->layout.planes[0].stride, 128u);
}

TEST_F(PlanTest, AnAllocatorsOwnLayoutHasToDoForAll) {
    auto& one = allocator("plan-test/laid-out");
    one.pitch_step = 256;
    auto gpu = participant("gpu");
    const PlanRef wide = made();
    EXPECT_EQ(wide->choice()->layout.planes[0].stride, 256u);
    EXPECT_TRUE(wide->choice()->lays_out);
    auto buffers = wide->allocate(2);
    ASSERT_TRUE(buffers);
    EXPECT_EQ(buffers->memories[1]->size(), 256u * 48);
    // A participant that takes no other stride gets bytes of that stride, as agreed.
    gpu->settling = [](const ImageLayout& layout) {
        return linear_layout(layout.fourcc, layout.width, layout.height, 128);
    };
    forget_plans();
    const PlanRef tight = made();
    ASSERT_TRUE(tight->choice());
    EXPECT_EQ(tight->choice()->layout.planes[0].stride, 128u);
    EXPECT_FALSE(tight->choice()->lays_out);
}

TEST_F(PlanTest, AllocationFallsBackToTheNextThatDoes) {
    auto& one = allocator("plan-test/one");
    allocator("plan-test/two");
    participant("gpu");
    const PlanRef plan = made();
    one.failure = Error(ErrorKind::exhausted, ENOMEM, "no memory is left");
    auto buffers = plan->allocate(3);
    ASSERT_TRUE(buffers) << buffers.error().message();
    EXPECT_EQ(plan->candidates()[buffers->candidate].name, "plan-test/two");
    EXPECT_EQ(buffers->memories.size(), 3u);
    ASSERT_EQ(buffers->passed_over.size(), 1u);
    EXPECT_EQ(buffers->passed_over[0].code(), ENOMEM);
    EXPECT_EQ(plan->allocate(1, 2).error().kind(), ErrorKind::unavailable);
}

TEST_F(PlanTest, UnsoundRequestsAreInvalid) {
    EXPECT_EQ(plan({}).error().kind(), ErrorKind::invalid);
    participant("gpu");
    image = {};
    EXPECT_EQ(plan(request()).error().kind(), ErrorKind::invalid);
    image = {.fourcc = fourcc('Y', 'U', 'Y', 'V'), .width = 64};
    EXPECT_EQ(plan(request()).error().kind(), ErrorKind::invalid);
    image = {.size = 1};
    all.push_back(nullptr);
    EXPECT_EQ(plan(request()).error().kind(), ErrorKind::invalid);
}

TEST_F(PlanTest, BytesNeedNoFormat) {
    allocator("plan-test/one");
    participant("gpu")->needs.size_align = 4096;
    image = {.size = 5000};
    const PlanRef plan = made();
    ASSERT_TRUE(plan->choice());
    EXPECT_EQ(plan->choice()->layout.memory_sizes[0], 8192u);
    EXPECT_EQ(plan->choice()->layout.fourcc, 0u);
}

TEST(MergeTest, TakesTheStricterOfEachNumber) {
    const Constraints one{.min_size = 10,
                          .size_align = 4,
                          .contiguous = Answer::unknown,
                          .through_cpu_caches = true,
                          .sees_cpu_caches = Answer::unknown,
                          .modifiers = {0, 7},
                          .pitch_align = 96,
                          .pitch_min = 5,
                          .pitch_max = 1000};
    const Constraints two{.min_size = 20,
                          .size_align = 6,
                          .prefers_cached = true,
                          .needs_dma_buf = false,
                          .sees_cpu_caches = Answer::no,
                          .modifiers = {7, 9},
                          .pitch_align = 64,
                          .pitch_min = 100};
    const auto both = merge(one, two);
    ASSERT_TRUE(both);
    EXPECT_EQ(both->min_size, 20u);
    EXPECT_EQ(both->size_align, 12u);
    EXPECT_EQ(both->contiguous, Answer::unknown);
    EXPECT_EQ(both->sees_cpu_caches, Answer::no);
    EXPECT_TRUE(both->through_cpu_caches);
    EXPECT_FALSE(both->syncs_cpu_access);
    const Constraints syncs{.through_cpu_caches = true, .syncs_cpu_access = true};
    EXPECT_TRUE(merge(syncs, two)->syncs_cpu_access) << "the other does nothing by the CPU";
    EXPECT_FALSE(merge(syncs, one)->syncs_cpu_access);
    EXPECT_TRUE(both->prefers_cached && both->needs_dma_buf);
    EXPECT_THAT(both->modifiers, ElementsAre(7));
    EXPECT_EQ(both->pitch_align, 192u);
    EXPECT_EQ(both->pitch_min, 100u);
    EXPECT_EQ(both->pitch_max, 1000u);
    EXPECT_EQ(merge({.modifiers = {1}}, {.modifiers = {2}}).error().kind(), ErrorKind::incompatible);
    EXPECT_EQ(merge({.pitch_max = 100}, {.pitch_min = 101}).error().kind(), ErrorKind::incompatible);
    EXPECT_EQ(merge({.pitch_align = 64, .pitch_max = 100}, {.pitch_min = 65}).error().kind(),
              ErrorKind::incompatible)
        << "the next multiple is out of reach";
    EXPECT_EQ(merge({.size_align = (1ull << 63) + 1}, {.size_align = 2}).error().kind(), ErrorKind::limit);
}

} // namespace
} // namespace hwalloc
