// Two made-up cards on a machine without udev, and what a monitor tells of them.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/fake_cards.h"

namespace hwalloc::testing {

// A machine without udev: tests/lab/hotplug_test.py has the real one.
class Hotplug : public ::testing::Test {
protected:
    Hotplug() {
        fake.node_status.st_mode = S_IFCHR | 0660;
        fake.cards[0] = {.link = "../../bus/pci/drivers/virtio_gpu", .path = "pci-0000:00:01.0", .node = 1};
        fake.cards[1] = {.link = "../../bus/pci/drivers/bochs-drm", .path = "pci-0000:00:02.0", .node = 2};
    }
    DeviceMonitor::Callbacks noting() {
        return {
            .added = [this](std::string_view name, Allocator& allocator) { note("+", name, allocator); },
            .removed = [this](std::string_view name, Allocator& allocator) { note("-", name, allocator); }};
    }
    void note(const char* sign, std::string_view name, Allocator& allocator) {
        EXPECT_EQ(registry.find(name), *sign == '+' ? &allocator : nullptr) << "told after the change";
        told.push_back(sign + std::string(name));
    }
    DeviceMonitor monitor() {
        auto opened = registry.monitor(noting());
        EXPECT_TRUE(opened);
        return std::move(*opened);
    }
    std::string alias(const char* name) {
        Allocator* found = registry.find(name);
        return found ? std::string(found->name()) : "nothing";
    }
    // Those that this test has opened.
    int fds_of(std::string_view target) {
        int found = 0;
        for (const int fd : open_fds()) {
            char link[64] = {};
            found +=
                !before.contains(fd) &&
                ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link, sizeof(link) - 1) > 0 &&
                std::string_view(link).starts_with(target);
        }
        return found;
    }
    std::vector<std::string> told_now() { return std::exchange(told, {}); }
    std::size_t items() { return registry.inventory(InventoryScan::quick)->size(); }

    const std::set<int> before = open_fds();
    FakeCards fake;
    Registry& registry = fresh_registry();
    std::vector<std::string> told;
};

} // namespace hwalloc::testing
