// What udev knows of the devices of one subsystem. The only door to libudev.
#pragma once

#include <string>
#include <vector>

namespace hwalloc {

struct UdevDevice {
    std::string node;    // "/dev/video0"
    std::string syspath; // "/sys/devices/…/video0"
};

// Every device of `subsystem` that has a node, in an order that does not change between calls ("video2"
// before "video10"). `property` and `value`, if given, must match (udev's property match, with wildcards).
// Empty where udev has no database, or no /sys is mounted: in a container. May throw std::bad_alloc.
std::vector<UdevDevice> udev_devices(const char* subsystem, const char* property = nullptr,
                                     const char* value = nullptr);

// Orders names like people do, by the number at the end: "video2" < "video10".
bool natural_less(const std::string& a, const std::string& b) noexcept;

} // namespace hwalloc
