// A GPU as a participant of plans, on whatever Vulkan there is.
#include <gmock/gmock.h>

#include "hwalloc/plan.h"
#include "tests/unit/broken_images.h"
#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

using WrappedParticipantTest = VulkanTest;
// The library's own device lives as long as the process, so nothing watches it here.
class ParticipantTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto opened = Device::open();
        if (!opened)
            MISSING("no Vulkan here: " + opened.error().message());
        device.emplace(std::move(*opened));
    }
    std::optional<Device> device;
};

// It is destroyed when the application has let go of everything, and must not be used afterwards.
TEST_F(WrappedParticipantTest, NoPlanIsRememberedOfAnApplicationsDevice) {
    std::weak_ptr<const Plan> kept;
    for (int i = 0; i < 2; ++i) {
        const ParticipantRef gpu = participant(wrap()).value();
        EXPECT_THAT(std::string(gpu->cache_key()), IsEmpty());
        ASSERT_EQ(gpu->own_allocators().size(), 1u);
        const PlanRef made = hwalloc::plan({.participants = {&gpu, 1}, .image = {.size = 4096}}).value();
        ASSERT_TRUE(made->choice()) << made->explain();
        EXPECT_EQ(made->choice()->verdict, Verdict::accepted);
        EXPECT_TRUE(kept.expired());
        kept = made;
    }
    EXPECT_TRUE(kept.expired());
}

TEST_F(ParticipantTest, AnImageThatIsNotWholeIsRefused) {
    const auto memory = Allocator::find("sysmem")->alloc(4096).value();
    const ImageLayout layout = linear_layout(xrgb, 8, 8).value();
    for (const VkImageUsageFlags usage :
         {VkImageUsageFlags{0}, VkImageUsageFlags{VK_IMAGE_USAGE_SAMPLED_BIT}})
        for (const Image& broken : hwalloc::testing::broken_images(*memory, layout))
            EXPECT_EQ(participant(*device, usage).value()->attempt_image(broken).error().kind(),
                      ErrorKind::invalid);
}

TEST_F(ParticipantTest, TellsDevicesAndUsesApart) {
    const auto key = [&](VkImageUsageFlags usage) {
        return std::string(participant(*device, usage).value()->cache_key());
    };
    EXPECT_THAT(key(0), Not(IsEmpty()));
    EXPECT_EQ(key(0), key(0));
    EXPECT_NE(key(0), key(VK_IMAGE_USAGE_SAMPLED_BIT));
}

} // namespace
} // namespace hwalloc::vulkan::testing
