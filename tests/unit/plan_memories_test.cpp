// Plans for images in several memories.
#include <gmock/gmock.h>

#include "tests/unit/broken_images.h"
#include "tests/unit/plan_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One that takes images in several memories, and says how many it was given.
class OfMemories final : public Participant {
public:
    std::string_view name() const noexcept override { return "of memories"; }
    std::string_view cache_key() const noexcept override { return {}; }
    Result<Constraints> ask(const ImageSpec&) noexcept override { return needs; }
    Result<ImageLayout> settle(const ImageLayout& layout) noexcept override {
        ImageLayout settled = layout;
        for (std::uint32_t i = 0; i < layout.memory_count; ++i)
            settled.memory_sizes[i] = std::max(layout.memory_sizes[i], least[i]);
        return settled;
    }
    Result<Recipe> attempt(Memory&, const ImageLayout&) noexcept override {
        given.push_back(1);
        return Recipe{.use = "test"};
    }
    Result<Recipe> attempt_image(const Image& image) noexcept override {
        given.push_back(image.layout.memory_count);
        for (std::uint32_t i = 0; i < image.layout.memory_count; ++i)
            if (!image.memory_at(i) || image.memory_at(i)->size() < image.layout.memory_sizes[i])
                return Error(ErrorKind::incompatible, "a memory is missing or too small");
        return Recipe{.use = "test"};
    }

    Constraints needs{.sees_cpu_caches = Answer::yes};
    std::array<std::uint64_t, ImageLayout::max_planes> least{};
    std::vector<std::uint32_t> given;
};

class PlanMemoriesTest : public PlanTest {
protected:
    PlanMemoriesTest() {
        image.fourcc = fourcc('N', 'V', '1', '2');
        all.push_back(device);
    }
    std::shared_ptr<OfMemories> device = std::make_shared<OfMemories>();
};

TEST_F(PlanMemoriesTest, WhoTakesPixelsInNoOtherWayGetsAMemoryForEachPlane) {
    auto& heap = allocator("plan-test/heap");
    heap.pitch_step = 512; // an allocator that lays out has all in one memory
    all.push_back(cpu_participant(MapFlags::read).value());
    for (const bool asked_for : {false, true}) {
        device->needs.memory_per_plane = !asked_for;
        image.memory_per_plane = asked_for;
        device->least = {0, 2000};
        device->needs.size_align = 1024;
        const PlanRef plan = made();
        ASSERT_TRUE(plan->choice()) << plan->explain();
        const ImageLayout& layout = plan->choice()->layout;
        EXPECT_EQ(layout.memory_count, 2u);
        EXPECT_THAT(layout.memory_sizes, ElementsAre(3072, 2048, 0, 0));
        EXPECT_EQ(layout.planes[1].memory, 1u);
        EXPECT_EQ(layout.planes[1].offset, 0u);
        EXPECT_FALSE(plan->choice()->lays_out);
        const auto buffers = plan->allocate(3);
        ASSERT_TRUE(buffers) << buffers.error().message();
        ASSERT_EQ(buffers->memories.size(), 6u);
        for (std::size_t i = 0; i < 6; ++i)
            EXPECT_EQ(buffers->memories[i]->size(), layout.memory_sizes[i % 2]);
    }
    EXPECT_THAT(device->given, ::testing::Each(2u));
}

TEST_F(PlanMemoriesTest, BytesLieInAsManyMemoriesAsAreAskedFor) {
    allocator("plan-test/heap");
    image = {.size = 100, .more_sizes = {50, 20}};
    device->least = {0, 60};
    const PlanRef plan = made();
    ASSERT_TRUE(plan->choice()) << plan->explain();
    EXPECT_EQ(plan->choice()->layout.memory_count, 3u);
    EXPECT_THAT(plan->choice()->layout.memory_sizes, ElementsAre(100, 60, 20, 0));
    EXPECT_EQ(plan->allocate(2).value().memories.size(), 6u);
}

TEST_F(PlanMemoriesTest, WhoKnowsOneMemoryOnlyRefusesInWords) {
    allocator("plan-test/heap");
    image.memory_per_plane = true;
    participant("old");
    const PlanRef plan = made();
    EXPECT_FALSE(plan->choice());
    EXPECT_THAT(plan->explain(), HasSubstr("trying an image in 2 memories"));
    image.memory_per_plane = false;
    EXPECT_TRUE(made()->choice());
}

TEST_F(PlanMemoriesTest, AnImageThatIsNotWholeIsRefused) {
    const auto memory = allocator("plan-test/heap").alloc(4096).value();
    for (const ParticipantRef& one :
         {cpu_participant(MapFlags::read).value(), ParticipantRef(participant("old"))})
        for (const Image& broken : broken_images(*memory, linear_layout(image.fourcc, 8, 8).value()))
            EXPECT_EQ(one->attempt_image(broken).error().kind(), ErrorKind::invalid);
}

TEST_F(PlanMemoriesTest, WhoAnswersAnotherNumberOfMemoriesIsRefused) {
    allocator("plan-test/heap");
    image.fourcc = fourcc('Y', 'U', 'Y', 'V');
    const auto odd = participant("odd");
    for (const std::uint32_t count : {0u, 2u, 5u}) {
        odd->settling = [count](ImageLayout layout) {
            layout.memory_count = count;
            return layout;
        };
        const PlanRef plan = made();
        EXPECT_FALSE(plan->choice());
        EXPECT_THAT(plan->explain(), HasSubstr("memories where the image lies in 1"));
        EXPECT_EQ(odd->attempts, 0);
    }
}

TEST_F(PlanMemoriesTest, AnAllocatorWhoseImageIsNotWholeIsPassedOver) {
    auto& heap = allocator("plan-test/heap");
    image.fourcc = fourcc('Y', 'U', 'Y', 'V');
    heap.pitch_step = 4;
    heap.forgets_memory = true;
    EXPECT_EQ(alloc_image(heap, {image.fourcc, 8, 8}).error().kind(), ErrorKind::invalid);
    const PlanRef plan = made();
    EXPECT_FALSE(plan->choice());
    EXPECT_THAT(plan->explain(), HasSubstr("a memory of the image is missing"));
}

TEST_F(PlanMemoriesTest, ATwinStandsInThePlaceOfEachMemory) {
    allocator("plan-test/heap").about.contiguous = Answer::unknown;
    image.memory_per_plane = true;
    device->needs.contiguous = Answer::unknown;
    const PlanRef plan = made();
    EXPECT_EQ(plan->participants()[0].needs_contiguous, Answer::no);
    EXPECT_THAT(device->given, ElementsAre(2, 2, 2)) << "the memory, and two twins";
}

} // namespace
} // namespace hwalloc
