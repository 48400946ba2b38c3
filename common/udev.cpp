#include "common/udev.h"

#include <fcntl.h>
#include <libudev.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <memory>

#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/open_files.h"
#include "common/read_file.h"
#include "common/taken_streams.h"
#include "hwalloc/unique_fd.h"

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

// What udev_device_get_is_initialized(3) says, by what it looks at: whether there is a file about the device
// in the database, which for every device node there is (systemd, device_update_db()).
bool udev_has_finished_with(const char* node) noexcept {
    struct stat status {};
    if (kernel.stat(node, &status) < 0 || (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)))
        return true;
    const FixedText entry("/run/udev/data/", S_ISCHR(status.st_mode) ? "c" : "b", major(status.st_rdev), ":",
                          minor(status.st_rdev));
    return kernel.stat(entry.c_str(), &status) >= 0;
}

// ---- events

// A few bytes on the stack: this is read before each look for devices.
std::uint64_t last_kernel_event() noexcept {
    const int fd = kernel.open("/sys/kernel/uevent_seqnum", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const UniqueFd closes(fd);
    char text[24];
    const ssize_t length = kernel.read(fd, text, sizeof(text));
    return length > 0 ? leading_number({text, static_cast<std::size_t>(length)}).value_or(0) : 0;
}

namespace {

constexpr const char* doing = "listening for devices that come and go";

Result<void> add_to_filter(udev_monitor* monitor, const std::string& subsystem) noexcept {
    const int done = udev_monitor_filter_add_match_subsystem_devtype(monitor, subsystem.c_str(), nullptr);
    if (done < 0)
        return Error::from_errno(-done, doing).call("udev_monitor_filter_add_match_subsystem_devtype");
    return {};
}

} // namespace

// libudev gives a monitor without udev too, one that never hears anything (udev_monitor_new_from_netlink(3)
// looks for the daemon's socket, and only logs): so that is looked at here.
Result<UdevMonitor> UdevMonitor::open(const std::vector<std::string>& subsystems) noexcept {
    constexpr const char* socket = "/run/udev/control";
    struct stat status {};
    if (const int done = kernel.stat(socket, &status); done < 0)
        return Error(ErrorKind::unavailable, -done, doing)
            .on(socket)
            .remedy("no udev daemon is to be seen, as in most containers: devices can be listed, but nobody "
                    "tells when they come and go");
    const std::unique_ptr<udev, decltype(&udev_unref)> context(udev_new(), udev_unref);
    const TakenStreams taken; // the socket is libudev's own
    Handle monitor(context ? udev_monitor_new_from_netlink(context.get(), "udev") : nullptr);
    if (const int answer = monitor ? 0 : too_many_files(); answer < 0)
        return with_open_files_remedy(Error::from_errno(-answer, doing).call("udev_monitor_new_from_netlink"),
                                      answer);
    if (!monitor)
        return Error(ErrorKind::unavailable, doing)
            .doing(doing)
            .call("udev_monitor_new_from_netlink")
            .remedy("the kernel gives no netlink socket: a sandbox may forbid AF_NETLINK");
    for (const std::string& subsystem : subsystems)
        if (auto added = add_to_filter(monitor.get(), subsystem); !added)
            return std::move(added).error();
    if (const int done = udev_monitor_enable_receiving(monitor.get()); done < 0)
        return Error::from_errno(-done, doing).call("udev_monitor_enable_receiving");
    return UdevMonitor(std::move(monitor));
}

Result<void> UdevMonitor::also_listen_to(const std::string& subsystem) noexcept {
    if (auto added = add_to_filter(monitor_.get(), subsystem); !added)
        return added;
    if (const int done = udev_monitor_filter_update(monitor_.get()); done < 0)
        return Error::from_errno(-done, doing).call("udev_monitor_filter_update");
    return {};
}

void UdevMonitor::Unref::operator()(udev_monitor* monitor) const noexcept {
    udev_monitor_unref(monitor);
}

int UdevMonitor::fd() const noexcept {
    return udev_monitor_get_fd(monitor_.get());
}

std::optional<UdevEvent> UdevMonitor::next() {
    const std::unique_ptr<udev_device, decltype(&udev_device_unref)> device(
        udev_monitor_receive_device(monitor_.get()), udev_device_unref);
    if (!device)
        return std::nullopt;
    const auto text = [](const char* maybe) { return std::string(maybe ? maybe : ""); };
    return UdevEvent{.action = text(udev_device_get_action(device.get())),
                     .node = text(udev_device_get_devnode(device.get())),
                     .number = udev_device_get_seqnum(device.get())};
}

} // namespace hwalloc
