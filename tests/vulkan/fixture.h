// What the Vulkan tests share: an application with a VkInstance and VkDevice of its own, made as the header
// says, watched by the validation layer where that is installed; in the lab only with HWALLOC_VALIDATE=1.
#pragma once

#include <gtest/gtest.h>
#include <vulkan/vulkan.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hwalloc/vulkan.h"
#include "tests/unit/kernel_override.h"
#include "tests/vulkan/driver_watch.h"

namespace hwalloc::vulkan::testing {

using hwalloc::testing::open_fds;

inline constexpr std::uint32_t xrgb = fourcc('X', 'R', '2', '4'), nv12 = fourcc('N', 'V', '1', '2'),
                               yu12 = fourcc('Y', 'U', '1', '2'), yuyv = fourcc('Y', 'U', 'Y', 'V');

inline bool in_lab() {
    const char* lab = std::getenv("HWALLOC_LAB");
    return lab && std::string(lab) == "1";
}

// Ends the test: failed in the lab, skipped elsewhere, saying what is missing.
#define MISSING(what)                                                                                        \
    do {                                                                                                     \
        if (::hwalloc::vulkan::testing::in_lab())                                                            \
            FAIL() << (what) << ", and this is the lab";                                                     \
        GTEST_SKIP() << (what);                                                                              \
    } while (false)

class Application {
public:
    // Throws std::runtime_error with what is missing.
    Application();
    ~Application();
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;

    Handles handles() const;

    VkInstance instance = VK_NULL_HANDLE;
    VkPhysicalDevice physical_device = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    VkQueue queue = VK_NULL_HANDLE;
    std::uint32_t queue_family = 0;
    mutable std::mutex queue_mutex;
    std::vector<const char*> extensions;
    // Enabled where the device has it.
    VkPhysicalDeviceSamplerYcbcrConversionFeatures ycbcr{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SAMPLER_YCBCR_CONVERSION_FEATURES, nullptr, VK_FALSE};
    bool validated = false;
    // What the validation layer said; shared with the layer's callback.
    std::vector<std::string> complaints;
    std::mutex complaints_mutex;

private:
    VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
};

class VulkanTest : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    // The application's device for the library, with every function watched. Several at a time may be made.
    Device wrap() const { return wrap(app->handles()); }
    static Device wrap(const Handles& handles) {
        auto device = Device::wrap(handles);
        if (!device)
            throw std::runtime_error(device.error().message());
        return std::move(*device);
    }
    static AllocatorRef allocator(Device& device, Placement placement) {
        auto made = device.allocator(placement);
        if (!made)
            throw std::runtime_error(made.error().message());
        return std::move(*made);
    }
    static MemoryRef alloc(Allocator& from, std::size_t size, const AllocationParams& params = {}) {
        auto memory = from.alloc(size, params);
        if (!memory)
            throw std::runtime_error(memory.error().message());
        return std::move(*memory);
    }
    // The text of an error, for failure messages.
    template<class T>
    static std::string why(const Result<T>& result) {
        return result ? "no error" : result.error().message();
    }
    // Bytes that depend on their place and `seed`.
    static void fill(Memory& memory, unsigned seed);
    // That a memory holds what fill() wrote `offset` bytes into another.
    static void expect_filled(Memory& memory, unsigned seed, std::size_t offset = 0);

    // Runs commands on the application's queue, as an application would, and waits for them.
    void run(const std::function<void(VkCommandBuffer)>& record) const;

    std::unique_ptr<Application> app;
    std::unique_ptr<DriverWatch> watch;
    // Said by the validation layer, and expected by the test.
    std::vector<std::string> expected_complaints;
};

// The same on a driver with real dma-bufs.
class DmaBufVulkanTest : public VulkanTest {
protected:
    void SetUp() override;
};

} // namespace hwalloc::vulkan::testing
