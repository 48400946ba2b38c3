// What happens to a picture that a driver refuses as an image, however it says so: linear pixels are used as
// a buffer. On a driver that is made up, with the habits of real ones.
#include <gmock/gmock.h>

#include "hwalloc/capabilities.h"
#include "hwalloc/participant.h"
#include "tests/vulkan/fake_driver_fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using hwalloc::testing::FakeDmaBufs;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr VkResult refusals[] = {VK_ERROR_INITIALIZATION_FAILED, VK_ERROR_UNKNOWN,
                                 VK_ERROR_OUT_OF_DEVICE_MEMORY,  VK_ERROR_OUT_OF_HOST_MEMORY,
                                 VK_ERROR_FEATURE_NOT_PRESENT,   VK_ERROR_INVALID_EXTERNAL_HANDLE,
                                 VK_ERROR_TOO_MANY_OBJECTS,      VK_ERROR_NOT_PERMITTED_KHR,
                                 VK_ERROR_FRAGMENTATION,         VK_ERROR_VALIDATION_FAILED_EXT};

class ImageRefusalTest : public FakeDriverTest {
protected:
    static MemoryRef picture_memory(std::size_t size = 65536) {
        const UniqueFd fd = FakeDmaBufs::make(size);
        auto memory = import_dmabuf(fd.get(), 0, whole);
        if (!memory)
            throw std::runtime_error(memory.error().message());
        return std::move(*memory);
    }
    const ImageLayout layout = *linear_layout(xrgb, 64, 48);
};

// What Mesa's PanVK answers to a pitch or an offset that it cannot have.
TEST_F(ImageRefusalTest, PanVkAnswersAPitchWithInitializationFailed) {
    Device device = wrap_fake_with_images();
    images->pitch_unit = 4096;
    images->pitch_refusal = VK_ERROR_INITIALIZATION_FAILED;
    MemoryRef memory = picture_memory();
    auto texture = device.texture(*memory, layout);
    ASSERT_FALSE(texture);
    EXPECT_EQ(texture.error().kind(), ErrorKind::incompatible) << why(texture);
    EXPECT_EQ(texture.error().code(), VK_ERROR_INITIALIZATION_FAILED);
    EXPECT_THAT(std::string(texture.error().remedy()), HasSubstr("pitch 256"));
    auto used = participant(device).value()->attempt(*memory, layout);
    ASSERT_TRUE(used) << why(used);
    EXPECT_STREQ(used->use, "VkBuffer");
}

TEST_F(ImageRefusalTest, WhicheverCallRefusesTheImageTheBufferIsTried) {
    Device device = wrap_fake_with_images();
    const ParticipantRef gpu = participant(device).value();
    MemoryRef memory = picture_memory();
    for (const VkResult refusal : refusals) {
        std::vector<std::string> refused;
        for (int n = 1;; ++n) {
            ASSERT_LT(n, 50);
            watch->fail_call(n, refusal);
            auto used = gpu->attempt(*memory, layout);
            const std::string failed = watch->failed();
            watch->clear();
            SCOPED_TRACE(failed + ": " + std::string(vk_result_name(refusal)));
            ASSERT_TRUE(used) << why(used);
            EXPECT_STREQ(used->use, failed.empty() ? "VkImage" : "VkBuffer");
            if (failed.empty())
                break;
            refused.push_back(failed);
        }
        for (const char* call : {"vkGetPhysicalDeviceImageFormatProperties2", "vkCreateImage",
                                 "vkGetMemoryFdPropertiesKHR", "vkAllocateMemory", "vkBindImageMemory"})
            EXPECT_THAT(refused, Contains(call));
    }
}

TEST_F(ImageRefusalTest, BothRefusalsAreTold) {
    Device device = wrap_fake_with_images();
    const ParticipantRef gpu = participant(device).value();
    MemoryRef memory = picture_memory();
    images->pitch_unit = 4096;
    images->pitch_refusal = VK_ERROR_INITIALIZATION_FAILED;
    watch->fail_name("vkBindBufferMemory", VK_ERROR_UNKNOWN);
    auto used = gpu->attempt(*memory, layout);
    ASSERT_FALSE(used);
    EXPECT_THAT(used.error().message(), HasSubstr("VK_ERROR_INITIALIZATION_FAILED"));
    EXPECT_THAT(used.error().message(), HasSubstr("vkCreateImage"));
    EXPECT_THAT(used.error().message(), HasSubstr("VK_ERROR_UNKNOWN"));
    EXPECT_THAT(used.error().message(), HasSubstr("vkBindBufferMemory"));
    EXPECT_EQ(used.error().kind(), ErrorKind::incompatible);
}

// A driver that ran short has not said that it cannot have the memory, whichever of the two it ran short for.
TEST_F(ImageRefusalTest, AShortageLeavesTheAnswerOpen) {
    Device device = wrap_fake_with_images();
    const ParticipantRef gpu = participant(device).value();
    MemoryRef memory = picture_memory();
    images->pitch_unit = 4096;
    for (const bool of_image : {true, false}) {
        SCOPED_TRACE(of_image);
        images->pitch_refusal = of_image ? VK_ERROR_OUT_OF_DEVICE_MEMORY : VK_ERROR_UNKNOWN;
        watch->fail_name("vkBindBufferMemory", of_image ? VK_ERROR_UNKNOWN : VK_ERROR_OUT_OF_DEVICE_MEMORY);
        auto used = gpu->attempt(*memory, layout);
        ASSERT_FALSE(used);
        EXPECT_EQ(used.error().kind(), ErrorKind::exhausted) << why(used);
        ASSERT_EQ(used.error().causes().size(), 1u);
        EXPECT_EQ(used.error().causes()[0].kind(), ErrorKind::incompatible);
    }
}

TEST_F(ImageRefusalTest, ALostDeviceIsNotAskedAgain) {
    Device device = wrap_fake_with_images();
    const ParticipantRef gpu = participant(device).value();
    MemoryRef memory = picture_memory();
    watch->fail_name("vkBindImageMemory", VK_ERROR_DEVICE_LOST);
    auto used = gpu->attempt(*memory, layout);
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().kind(), ErrorKind::device_lost);
    EXPECT_EQ(watch->count("vkCreateBuffer"), 0);
}

TEST_F(ImageRefusalTest, ATiledPictureIsNoBuffer) {
    Device device = wrap_fake_with_images();
    MemoryRef memory = picture_memory();
    ImageLayout tiled = layout;
    tiled.modifier = 0x0100000000000001;
    watch->clear();
    auto used = participant(device).value()->attempt(*memory, tiled);
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().kind(), ErrorKind::unsupported) << why(used);
    EXPECT_EQ(watch->count("vkCreateBuffer"), 0);
}

TEST_F(ImageRefusalTest, APictureWhoseMakerDidNotTellHowItLiesSaysSo) {
    Device device = wrap_fake_with_images();
    MemoryRef memory = picture_memory();
    ImageLayout untold = layout;
    untold.modifier = unknown_modifier;
    auto texture = device.texture(*memory, untold);
    ASSERT_FALSE(texture);
    EXPECT_EQ(texture.error().kind(), ErrorKind::invalid);
    EXPECT_THAT(std::string(texture.error().remedy()), HasSubstr("did not tell"));
}

TEST_F(ImageRefusalTest, APictureThatDoesNotLieInTheMemoryIsNoBufferEither) {
    Device device = wrap_fake_with_images();
    MemoryRef memory = picture_memory(8192); // of 64 * 4 * 48 bytes
    for (const VkImageUsageFlags usage :
         {VkImageUsageFlags{0}, VkImageUsageFlags{VK_IMAGE_USAGE_SAMPLED_BIT}}) {
        auto used = participant(device, usage).value()->attempt(*memory, layout);
        ASSERT_FALSE(used);
        EXPECT_EQ(used.error().kind(), ErrorKind::incompatible) << why(used);
        EXPECT_EQ(used.error().size_held(), 8192u);
    }
}

} // namespace
} // namespace hwalloc::vulkan::testing
