// Devices that come and go, and what the user prefers, through the C interface. tests/lab has real devices.
#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>

#include "hwalloc/hwalloc.h"
#include "hwalloc/participant.h"
#include "hwalloc/plan.h"
#include "tests/unit/c_error.h"
#include "tests/unit/fake_cards.h"

namespace hwalloc {
namespace {

using namespace testing;

class CDevices : public testing::CError {
protected:
    CDevices() { fake.node_status.st_mode = S_IFCHR | 0660; }
    ~CDevices() override {
        fake.cards.clear();
        hwalloc_device_monitor_dispatch(monitor, nullptr, place());
        hwalloc_device_monitor_free(monitor);
    }
    std::size_t dispatched() {
        std::size_t count = 99;
        EXPECT_EQ(hwalloc_device_monitor_dispatch(monitor, &count, place()), 0)
            << hwalloc_error_message(error);
        return count;
    }
    FakeCards fake;
    hwalloc_device_monitor* monitor = nullptr;
};

TEST_F(CDevices, TellsWhatCameAndWhatWentSinceItWasAskedLast) {
    ASSERT_EQ(hwalloc_device_monitor_new(&monitor, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(hwalloc_device_monitor_source(monitor) == HWALLOC_DEVICES_BY_UDEV,
              hwalloc_device_monitor_fd(monitor) >= 0);
    EXPECT_EQ(hwalloc_device_monitor_source(monitor) == HWALLOC_DEVICES_BY_LISTING,
              hwalloc_device_monitor_why_listing(monitor) != nullptr);
    EXPECT_EQ(dispatched(), 0u);
    fake.cards[5] = {.link = "../../bus/pci/drivers/bochs-drm", .path = "pci-0000:00:02.0", .node = 2};
    ASSERT_EQ(dispatched(), 1u);
    hwalloc_device_change change{};
    change.struct_size = sizeof change;
    ASSERT_EQ(hwalloc_device_monitor_change(monitor, 0, &change, place()), 0);
    EXPECT_STREQ(change.name, "drm-dumb/card5");
    EXPECT_EQ(change.what, uint32_t{HWALLOC_DEVICE_ADDED});
    EXPECT_EQ(change.allocator, hwalloc_find("drm-dumb/card5"));
    EXPECT_EQ(hwalloc_device_monitor_change(monitor, 1, &change, place()), -EINVAL);
    hwalloc_allocator* const before = change.allocator;
    fake.cards.erase(5);
    ASSERT_EQ(dispatched(), 1u);
    ASSERT_EQ(hwalloc_device_monitor_change(monitor, 0, &change, place()), 0);
    EXPECT_EQ(change.what, uint32_t{HWALLOC_DEVICE_REMOVED});
    EXPECT_EQ(change.allocator, before);
    EXPECT_EQ(hwalloc_find("drm-dumb/card5"), nullptr);
    EXPECT_EQ(dispatched(), 0u);
    EXPECT_EQ(hwalloc_device_monitor_change(monitor, 0, &change, place()), -EINVAL) << "that was told";
}

TEST_F(CDevices, RefusesNothingInWords) {
    hwalloc_device_change change{};
    EXPECT_EQ(hwalloc_device_monitor_new(nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_device_monitor_dispatch(nullptr, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_device_monitor_change(nullptr, 0, &change, place()), -EINVAL);
    EXPECT_EQ(hwalloc_device_monitor_fd(nullptr), -1);
    EXPECT_EQ(hwalloc_device_monitor_why_listing(nullptr), nullptr);
    hwalloc_device_monitor_free(nullptr);
}

TEST_F(CDevices, PreferencesAndCachesAreThoseOfCpp) {
    const PreferredAllocators& preferred = preferred_allocators();
    for (std::size_t i = 0; i < preferred.names.size(); ++i)
        EXPECT_EQ(hwalloc_preferred_allocator(i), preferred.names[i]);
    EXPECT_EQ(hwalloc_preferred_allocator(preferred.names.size()), nullptr);
    EXPECT_EQ(hwalloc_preferred_allocators_source(), preferred.source);
    hwalloc_error* why = hwalloc_preferred_allocators_error();
    EXPECT_EQ(why != nullptr, preferred.why.has_value());
    hwalloc_error_free(why);
    EXPECT_EQ(hwalloc_sees_cpu_caches(0), static_cast<uint32_t>(sees_cpu_caches(0)));
}

} // namespace
} // namespace hwalloc
