// Foreign code runs while Vulkan is opened: the loader loads drivers and layers, whose threads may use this
// library and be waited for. In processes of their own, because Vulkan is opened once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "backends/vulkan/allocators.h"
#include "backends/vulkan/features.h"
#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

// A driver that, in the first call of each name, has another thread do `work` and waits for it.
class WaitingDriver {
public:
    WaitingDriver(std::set<std::string> names, std::function<bool()> work)
        : names_(std::move(names)), work_(std::move(work)) {
        watch.on_call = [this](const char* name) { wait_in(name); };
    }
    // The calls in which the other thread did not come back, or was refused.
    std::vector<std::string> stuck() {
        const std::lock_guard guard(mutex_);
        return stuck_;
    }
    // The calls that were not made.
    std::set<std::string> unmet() {
        const std::lock_guard guard(mutex_);
        return names_;
    }
    DriverWatch watch;

private:
    void wait_in(const char* name) {
        std::unique_lock lock(mutex_);
        if (names_.erase(name) == 0)
            return;
        lock.unlock();
        auto done = std::async(std::launch::async, work_);
        // What hangs goes on when this call returns, so that the test fails and ends.
        const bool came = done.wait_for(std::chrono::minutes(10)) == std::future_status::ready;
        const bool worked = came && done.get();
        lock.lock();
        if (!worked)
            stuck_.push_back(std::string(name) + (came ? " (refused)" : " (hangs)"));
        if (!came)
            late_.push_back(std::move(done));
    }

    std::mutex mutex_;
    std::set<std::string> names_;
    std::function<bool()> work_;
    std::vector<std::string> stuck_;
    std::vector<std::future<bool>> late_;
};

int report(WaitingDriver& driver) {
    for (const std::string& name : driver.stuck())
        std::fprintf(stderr, "in %s\n", name.c_str());
    for (const std::string& name : driver.unmet())
        std::fprintf(stderr, "%s was not called\n", name.c_str());
    return static_cast<int>(driver.stuck().size() + driver.unmet().size());
}

int wrong_devices() {
    WaitingDriver driver(
        {"vkEnumeratePhysicalDevices", "vkEnumerateDeviceExtensionProperties", "vkCreateDevice"},
        [] { return Device::open("0").has_value(); });
    int wrong = 0;
    {
        auto device = Device::open("0"), same = Device::open("0");
        if (!device || !same)
            return 100;
        wrong += device->device() != same->device();
    }
    const int made = driver.watch.count("vkCreateDevice"), ended = driver.watch.count("vkDestroyDevice");
    if (made - ended != 1) {
        std::fprintf(stderr, "%d devices are open\n", made - ended);
        ++wrong;
    }
    return wrong + report(driver);
}

int wrong_allocators() {
    AllocatorRef allocator;
    WaitingDriver driver({"vkCreateDevice"}, [&] { return allocator->alloc(100).has_value(); });
    auto instance = detail::Instance::get();
    if (!instance)
        return 100;
    auto made = detail::make_allocator(**instance, (*instance)->devices().front(), Placement::host);
    if (!made)
        return 101;
    allocator = *made;
    int wrong = allocator->alloc(100) ? 0 : 1;
    wrong += Device::of(*allocator)->device() != Device::open("0")->device();
    return wrong + report(driver);
}

// The features that the library's own VkDevice is made with, on a driver that has them all.
int wrong_features() {
    DriverWatch watch;
    Features asked;
    watch.device_features = [](VkPhysicalDeviceFeatures2& answer) {
        for (auto* at = static_cast<VkBaseOutStructure*>(answer.pNext); at; at = at->pNext)
            // Each is of one feature.
            reinterpret_cast<VkPhysicalDeviceSamplerYcbcrConversionFeatures*>(at)->samplerYcbcrConversion =
                VK_TRUE;
    };
    watch.create_device = [&](PFN_vkCreateDevice next, VkPhysicalDevice device,
                              const VkDeviceCreateInfo& info, VkDevice* out) {
        asked = detail::features_in(info.pNext);
        VkDeviceCreateInfo plain = info;
        plain.pNext = nullptr; // the driver that is there may have none of them
        return next(device, &plain, nullptr, out);
    };
    auto device = Device::open("0");
    if (!device)
        return 100;
    const Features& told = device->features();
    int wrong = 0;
    for (const Features& one : {asked, told})
        wrong += !one.sampler_ycbcr_conversion + !one.timeline_semaphore + !one.synchronization2;
    return wrong;
}

class OpeningDeathTest : public ::testing::Test {
protected:
    void SetUp() override {
        try {
            const Application there; // which touches nothing of the library's
        } catch (const std::runtime_error& missing) {
            MISSING(std::string("no Vulkan here: ") + missing.what());
        }
        GTEST_FLAG_SET(death_test_style, "threadsafe");
    }
};

TEST_F(OpeningDeathTest, ADriverMayWaitForAThreadThatOpensTheDeviceToo) {
    EXPECT_EXIT(std::_Exit(wrong_devices()), ::testing::ExitedWithCode(0), "");
}

TEST_F(OpeningDeathTest, ADriverMayWaitForAThreadThatAllocates) {
    EXPECT_EXIT(std::_Exit(wrong_allocators()), ::testing::ExitedWithCode(0), "");
}

TEST_F(OpeningDeathTest, TheLibrarysOwnDeviceHasTheFeaturesThatPicturesTake) {
    EXPECT_EXIT(std::_Exit(wrong_features()), ::testing::ExitedWithCode(0), "");
}

} // namespace
} // namespace hwalloc::vulkan::testing
