// What udev knows of the devices of one subsystem. The only door to libudev.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hwalloc/result.h"

struct udev_monitor; // libudev's

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

// Whether udev has finished with the device of a node, so that its permissions and links will not change.
// Also true where there is no node, or the path is not a device node's.
bool udev_has_finished_with(const char* node) noexcept;

// What udev tells when a device has come, gone or changed.
struct UdevEvent {
    std::string action;       // "add", "remove", "change", ...
    std::string node;         // "/dev/dri/card0"; empty where the device has none
    std::uint64_t number = 0; // the kernel's, the same for everybody who hears of it; a device's only grow
};

// The number of the kernel's last event. Whoever looks for devices after asking has seen what this event, and
// all before it, have told; 0 where the kernel does not say, as without /sys.
std::uint64_t last_kernel_event() noexcept;

// Events of udev's own netlink group: they are sent when a node's permissions and links are made. Move only;
// one thread at a time.
class UdevMonitor {
public:
    // Listens from now on to events about devices of these subsystems, of which there must be some. Errors:
    // unavailable, when no udev daemon is there to send them; what the kernel answers when it refuses the
    // socket; exhausted.
    static Result<UdevMonitor> open(const std::vector<std::string>& subsystems) noexcept;
    // From now on to one more. Errors: what the kernel answers, exhausted.
    Result<void> also_listen_to(const std::string& subsystem) noexcept;

    // Readable when there are events; O_NONBLOCK and O_CLOEXEC; the monitor's own.
    int fd() const noexcept;
    // The next event; nothing when there is none left. May throw std::bad_alloc.
    std::optional<UdevEvent> next();

private:
    struct Unref {
        void operator()(udev_monitor* monitor) const noexcept;
    };
    using Handle = std::unique_ptr<udev_monitor, Unref>;
    explicit UdevMonitor(Handle monitor) noexcept : monitor_(std::move(monitor)) {}

    Handle monitor_;
};

// Orders names like people do, by the number at the end: "video2" < "video10".
bool natural_less(const std::string& a, const std::string& b) noexcept;

} // namespace hwalloc
