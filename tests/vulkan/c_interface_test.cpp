// Vulkan through the C interface, on whatever Vulkan there is, and on the made-up driver with dma-bufs: what
// it hands on, both ways.
#include <gmock/gmock.h>

#include <array>
#include <cerrno>
#include <future>

#include "hwalloc/c_vulkan.h"
#include "hwalloc/hwalloc.h"
#include "tests/vulkan/fake_driver_fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using hwalloc::testing::FakeDmaBufs;

class CVulkanTest : public FakeDriverTest {
protected:
    void TearDown() override {
        hwalloc_vulkan_free(device);
        hwalloc_error_free(error);
        FakeDriverTest::TearDown();
    }
    hwalloc_error** place() {
        hwalloc_error_free(std::exchange(error, nullptr));
        return &error;
    }
    hwalloc_vulkan_handles handles_in_c(const Handles& from) const {
        return {.struct_size = sizeof(hwalloc_vulkan_handles),
                .instance = from.instance,
                .physical_device = from.physical_device,
                .device = from.device,
                .get_instance_proc_addr = from.get_instance_proc_addr,
                .extensions = from.enabled_extensions.data(),
                .extension_count = from.enabled_extensions.size(),
                .features = from.enabled_features,
                .queue = from.queue,
                .queue_family = from.queue_family,
                .api_version = from.api_version};
    }
    // With pictures.
    void wrapped() {
        images.emplace(*watch);
        Handles given = fake_handles();
        all.push_back(VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME);
        given.enabled_extensions = all;
        given.enabled_features = enabled_features;
        const auto handles = handles_in_c(given);
        ASSERT_EQ(hwalloc_vulkan_wrap(&handles, &device, place()), 0) << hwalloc_error_message(error);
    }
    hwalloc_memory* foreign() {
        const UniqueFd fd = FakeDmaBufs::make(65536);
        hwalloc_memory* memory = nullptr;
        EXPECT_EQ(hwalloc_import_dmabuf(nullptr, fd.get(), 0, HWALLOC_WHOLE, 0, &memory, place()), 0)
            << hwalloc_error_message(error);
        return memory;
    }
    hwalloc_image_layout picture(std::uint32_t code) {
        hwalloc_image_layout layout{};
        layout.struct_size = sizeof layout;
        EXPECT_EQ(hwalloc_linear_layout(code, 64, 48, 0, &layout, place()), 0);
        return layout;
    }
    hwalloc_vulkan_device* device = nullptr;
    hwalloc_error* error = nullptr;
};

TEST_F(CVulkanTest, TellsOfTheDeviceWhatCppTells) {
    ASSERT_NO_FATAL_FAILURE(wrapped());
    hwalloc_vulkan_info info{};
    info.struct_size = sizeof info;
    ASSERT_EQ(hwalloc_vulkan_get_info(device, &info, place()), 0);
    EXPECT_EQ(info.device, app->device);
    EXPECT_EQ(info.queue, app->queue);
    EXPECT_EQ(info.queue_family, app->queue_family);
    EXPECT_STRNE(info.name, "");
    EXPECT_STREQ(info.index, "");
    EXPECT_TRUE(info.imports_dma_buf);
    EXPECT_TRUE(info.features & HWALLOC_VULKAN_SAMPLER_YCBCR_CONVERSION);
    EXPECT_EQ(hwalloc_vulkan_get_info(nullptr, &info, place()), -EINVAL);
    std::size_t count = 0;
    EXPECT_STREQ(hwalloc_vulkan_required_extensions(&count)[0], required_device_extensions()[0]);
    EXPECT_EQ(count, required_device_extensions().size());
    EXPECT_NE(hwalloc_vulkan_optional_extensions(nullptr), nullptr);
    const char* first = nullptr;
    const auto has = device_extensions(app->physical_device, vkGetInstanceProcAddr, app->instance).value();
    ASSERT_EQ(hwalloc_vulkan_device_extensions(app->physical_device, vkGetInstanceProcAddr, app->instance,
                                               &first, 1, &count, place()),
              0);
    EXPECT_EQ(count, has.size());
    if (!has.empty()) {
        EXPECT_STREQ(first, has[0]);
    }
    std::uint32_t features = 0;
    EXPECT_EQ(hwalloc_vulkan_device_features(app->physical_device, vkGetInstanceProcAddr, app->instance,
                                             &features, place()),
              0);
    std::array<hwalloc_vulkan_heap, VK_MAX_MEMORY_HEAPS> heaps{};
    ASSERT_EQ(hwalloc_vulkan_heaps(device, heaps.data(), heaps.size(), &count, place()), 0);
    ASSERT_GE(count, 1u);
    EXPECT_GT(heaps[0].size, 0u);
    EXPECT_EQ(hwalloc_vulkan_format_of_drm(xrgb), format_of_drm(xrgb));
    EXPECT_EQ(hwalloc_vulkan_drm_of_format(VK_FORMAT_B8G8R8A8_UNORM),
              drm_of_format(VK_FORMAT_B8G8R8A8_UNORM));
    hwalloc_participant* participant = nullptr;
    ASSERT_EQ(hwalloc_vulkan_participant(device, 0, &participant, place()), 0);
    hwalloc_participant_free(participant);
}

TEST_F(CVulkanTest, ItsQueueIsLockedForOneAtATime) {
    ASSERT_NO_FATAL_FAILURE(wrapped());
    hwalloc_vulkan_queue_unlock(device); // nobody has it
    hwalloc_vulkan_queue_lock(device);
    auto other = std::async(std::launch::async, [&] {
        hwalloc_vulkan_queue_lock(device);
        hwalloc_vulkan_queue_unlock(device);
    });
    EXPECT_EQ(other.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    hwalloc_vulkan_queue_unlock(device);
    other.get();
    hwalloc_vulkan_queue_lock(nullptr);
    hwalloc_vulkan_queue_unlock(nullptr);
}

TEST_F(CVulkanTest, MemoryBecomesABufferAndATexture) {
    ASSERT_NO_FATAL_FAILURE(wrapped());
    hwalloc_memory* memory = foreign();
    hwalloc_vulkan_buffer* buffer = nullptr;
    ASSERT_EQ(hwalloc_vulkan_buffer_new(device, memory, &buffer, place()), 0) << hwalloc_error_message(error);
    hwalloc_vulkan_buffer_info info{};
    info.struct_size = sizeof info;
    ASSERT_EQ(hwalloc_vulkan_buffer_get_info(buffer, &info, place()), 0);
    EXPECT_NE(info.buffer, VkBuffer{});
    EXPECT_NE(info.device_memory, VkDeviceMemory{});
    EXPECT_EQ(info.size, 65536u);
    EXPECT_EQ(info.foreign, 1u);
    VkBufferMemoryBarrier before{}, after{};
    hwalloc_vulkan_acquire_buffer(device, buffer, VK_ACCESS_SHADER_READ_BIT, &before);
    hwalloc_vulkan_release_buffer(device, buffer, VK_ACCESS_SHADER_READ_BIT, &after);
    EXPECT_EQ(before.buffer, info.buffer);
    EXPECT_EQ(before.dstQueueFamilyIndex, app->queue_family);
    EXPECT_EQ(after.srcQueueFamilyIndex, app->queue_family);
    hwalloc_vulkan_acquire_buffer(device, nullptr, 0, &before);
    VkDeviceSize needed = 0;
    EXPECT_EQ(hwalloc_vulkan_memory_size_for_buffer(device, 1000, &needed, place()), 0);
    EXPECT_GE(needed, 1000u);

    auto layout = picture(xrgb);
    hwalloc_vulkan_texture* texture = nullptr;
    ASSERT_EQ(
        hwalloc_vulkan_texture_new(device, memory, &layout, VK_IMAGE_USAGE_SAMPLED_BIT, &texture, place()), 0)
        << hwalloc_error_message(error);
    hwalloc_vulkan_texture_info shown{};
    shown.struct_size = sizeof shown;
    ASSERT_EQ(hwalloc_vulkan_texture_get_info(texture, &shown, place()), 0);
    EXPECT_NE(shown.image, VkImage{});
    EXPECT_EQ(shown.format, format_of_drm(xrgb));
    EXPECT_EQ(shown.extent.height, 48u);
    EXPECT_EQ(shown.modifier, HWALLOC_MODIFIER_LINEAR);
    VkImageMemoryBarrier barrier{};
    hwalloc_vulkan_acquire_texture(device, texture, VK_ACCESS_SHADER_READ_BIT,
                                   VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL, &barrier);
    EXPECT_EQ(barrier.oldLayout, VK_IMAGE_LAYOUT_GENERAL);
    hwalloc_vulkan_release_texture(device, texture, VK_ACCESS_SHADER_READ_BIT,
                                   VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL, &barrier);
    EXPECT_EQ(barrier.newLayout, VK_IMAGE_LAYOUT_GENERAL);
    hwalloc_vulkan_discard_texture(device, texture, VK_ACCESS_SHADER_WRITE_BIT, VK_IMAGE_LAYOUT_GENERAL,
                                   &barrier);
    EXPECT_EQ(barrier.oldLayout, VK_IMAGE_LAYOUT_UNDEFINED);
    EXPECT_EQ(hwalloc_vulkan_texture_new(device, memory, &layout, 0, &texture, place()), -EINVAL);
    hwalloc_memory_unref(memory); // which both keep
    hwalloc_vulkan_buffer_free(buffer);
    hwalloc_vulkan_texture_free(texture);
    std::size_t count = 0;
    EXPECT_EQ(hwalloc_vulkan_modifiers(device, xrgb, VK_IMAGE_USAGE_SAMPLED_BIT, nullptr, 0, &count, place()),
              0);
    EXPECT_GE(count, 1u);
    EXPECT_EQ(hwalloc_vulkan_modifiers(device, xrgb, 0, nullptr, 0, &count, place()), -EINVAL);
}

TEST_F(CVulkanTest, YcbcrHasAConversion) {
    ASSERT_NO_FATAL_FAILURE(wrapped());
    const auto layout = picture(nv12), colours = picture(xrgb);
    hwalloc_vulkan_conversion* conversion = nullptr;
    ASSERT_EQ(hwalloc_vulkan_conversion_new(device, &layout, VK_CHROMA_LOCATION_COSITED_EVEN,
                                            VK_CHROMA_LOCATION_MIDPOINT, VK_FILTER_LINEAR, &conversion,
                                            place()),
              0)
        << hwalloc_error_message(error);
    VkSamplerYcbcrConversionInfo info{};
    hwalloc_vulkan_conversion_info(conversion, &info);
    EXPECT_NE(info.conversion, VkSamplerYcbcrConversion{});
    VkSamplerYcbcrConversionCreateInfo made{};
    hwalloc_vulkan_conversion_create_info(conversion, &made);
    EXPECT_EQ(made.format, format_of_drm(nv12));
    hwalloc_vulkan_conversion_free(conversion);
    EXPECT_EQ(hwalloc_vulkan_conversion_new(device, &colours, VK_CHROMA_LOCATION_COSITED_EVEN,
                                            VK_CHROMA_LOCATION_MIDPOINT, VK_FILTER_LINEAR, &conversion,
                                            place()),
              -EINVAL);
}

TEST_F(CVulkanTest, ItsAllocatorsLeadBackToIt) {
    Handles given = app->handles(); // the real driver
    const auto handles = handles_in_c(given);
    ASSERT_EQ(hwalloc_vulkan_wrap(&handles, &device, place()), 0) << hwalloc_error_message(error);
    hwalloc_allocator* allocator = nullptr;
    ASSERT_EQ(hwalloc_vulkan_allocator(device, HWALLOC_VULKAN_HOST, &allocator, place()), 0)
        << hwalloc_error_message(error);
    hwalloc_memory* memory = nullptr;
    ASSERT_EQ(hwalloc_alloc(allocator, 4096, nullptr, &memory, place()), 0) << hwalloc_error_message(error);
    hwalloc_vulkan_device* behind = nullptr;
    ASSERT_EQ(hwalloc_vulkan_of_allocator(allocator, &behind, place()), 0);
    hwalloc_vulkan_buffer* buffer = nullptr;
    ASSERT_EQ(hwalloc_vulkan_buffer_new(behind, memory, &buffer, place()), 0) << hwalloc_error_message(error);
    hwalloc_vulkan_buffer_free(buffer);
    hwalloc_vulkan_free(behind);
    hwalloc_memory_unref(memory);
    hwalloc_allocator_unref(allocator);
    EXPECT_EQ(hwalloc_vulkan_of_allocator(hwalloc_find("sysmem"), &behind, place()), -EINVAL);
    EXPECT_EQ(hwalloc_vulkan_allocator(device, 3, &allocator, place()), -EINVAL);
}

TEST_F(CVulkanTest, RefusesNothingInWords) {
    hwalloc_vulkan_device* none = nullptr;
    hwalloc_vulkan_handles handles{};
    EXPECT_EQ(hwalloc_vulkan_wrap(nullptr, &none, place()), -EINVAL);
    EXPECT_EQ(hwalloc_vulkan_wrap(&handles, &none, place()), -EINVAL) << "no struct_size";
    handles.struct_size = sizeof handles;
    EXPECT_EQ(hwalloc_vulkan_wrap(&handles, &none, place()), -EINVAL) << "no handle";
    handles.extension_count = 1;
    EXPECT_EQ(hwalloc_vulkan_wrap(&handles, &none, place()), -EINVAL) << "a list without a place";
    EXPECT_EQ(hwalloc_vulkan_open("0", nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_vulkan_buffer_new(nullptr, nullptr, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_vulkan_texture_new(nullptr, nullptr, nullptr, 0, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_vulkan_participant(nullptr, 0, nullptr, place()), -EINVAL);
    hwalloc_vulkan_buffer_free(nullptr);
    hwalloc_vulkan_texture_free(nullptr);
    hwalloc_vulkan_conversion_free(nullptr);
}

// The library looks at the machine's own drivers here, and keeps what it opened: not beside the made-up one.
TEST(CVulkanOpenTest, RefusesADeviceThatIsNotThere) {
    hwalloc_vulkan_device* none = nullptr;
    hwalloc_error* error = nullptr;
    EXPECT_EQ(hwalloc_vulkan_open("no such device", &none, &error), -ENOENT);
    EXPECT_EQ(none, nullptr);
    hwalloc_error_free(error);
}

} // namespace
} // namespace hwalloc::vulkan::testing
