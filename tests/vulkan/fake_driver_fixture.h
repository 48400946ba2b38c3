// For tests on the made-up driver with dma-bufs: it is there from each test's beginning to its end.
#pragma once

#include "tests/vulkan/fake_dma_buf_driver.h"
#include "tests/vulkan/fake_images.h"
#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {

class FakeDriverTest : public VulkanTest {
protected:
    void SetUp() override {
        VulkanTest::SetUp();
        if (app)
            driver.emplace(*watch);
    }
    void TearDown() override {
        driver.reset();
        VulkanTest::TearDown();
    }
    // The application's device, with the extensions that dma-bufs need, as the made-up driver has them.
    Device wrap_fake() { return wrap(fake_handles()); }
    // The same, with pictures.
    Device wrap_fake_with_images() {
        images.emplace(*watch);
        Handles handles = fake_handles();
        all.push_back(VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME);
        handles.enabled_extensions = all;
        handles.enabled_features = enabled_features;
        return wrap(handles);
    }
    Handles fake_handles() {
        all = app->extensions;
        for (const char* name : required_device_extensions())
            all.push_back(name);
        Handles handles = app->handles();
        handles.enabled_extensions = all;
        return handles;
    }

    std::optional<FakeDmaBufDriver> driver;
    std::optional<FakeImages> images;
    std::vector<const char*> all;
    // What the application enabled: the made-up driver has what pictures take.
    const VkPhysicalDeviceSamplerYcbcrConversionFeatures converts{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SAMPLER_YCBCR_CONVERSION_FEATURES, nullptr, VK_TRUE};
    const void* enabled_features = &converts;
};

} // namespace hwalloc::vulkan::testing
