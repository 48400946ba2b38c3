#include "common/udev.h"

#include <libudev.h>

#include <algorithm>
#include <memory>

namespace hwalloc {

bool natural_less(const std::string& a, const std::string& b) noexcept {
    // The number at the end decides among names that are alike before it; a longer number is larger.
    const auto stem = [](const std::string& name) { return name.find_last_not_of("0123456789") + 1; };
    const std::size_t x = stem(a), y = stem(b);
    if (const int order = a.compare(0, x, b, 0, y); order != 0)
        return order < 0;
    if (a.size() - x != b.size() - y)
        return a.size() - x < b.size() - y;
    return a.compare(x, a.npos, b, y, b.npos) < 0;
}

std::vector<UdevDevice> udev_devices(const char* subsystem, const char* property, const char* value) {
    std::vector<UdevDevice> devices;
    const std::unique_ptr<udev, decltype(&udev_unref)> context(udev_new(), udev_unref);
    if (!context)
        return devices;
    const std::unique_ptr<udev_enumerate, decltype(&udev_enumerate_unref)> list(
        udev_enumerate_new(context.get()), udev_enumerate_unref);
    if (!list || udev_enumerate_add_match_subsystem(list.get(), subsystem) < 0 ||
        (property && udev_enumerate_add_match_property(list.get(), property, value) < 0) ||
        udev_enumerate_scan_devices(list.get()) < 0)
        return devices;
    for (udev_list_entry* entry = udev_enumerate_get_list_entry(list.get()); entry;
         entry = udev_list_entry_get_next(entry)) {
        const char* path = udev_list_entry_get_name(entry);
        const std::unique_ptr<udev_device, decltype(&udev_device_unref)> device(
            udev_device_new_from_syspath(context.get(), path), udev_device_unref);
        const char* node = device ? udev_device_get_devnode(device.get()) : nullptr;
        if (node)
            devices.push_back({node, path});
    }
    std::sort(devices.begin(), devices.end(),
              [](const UdevDevice& a, const UdevDevice& b) { return natural_less(a.node, b.node); });
    return devices;
}

} // namespace hwalloc
