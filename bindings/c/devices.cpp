// Devices that come and go, for C: what C++ tells by callbacks is kept until it is asked for.
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/c/answer.h"
#include "hwalloc/c_devices.h"
#include "hwalloc/devices.h"

using namespace hwalloc;
using c::refuse;
using c::refuse_null;

struct hwalloc_device_monitor {
    struct Change {
        std::string name;
        AllocatorRef allocator;
        uint32_t what;
    };
    std::vector<Change> told; // the callbacks write to it
    bool lost = false;        // there was no memory for one
    std::optional<DeviceMonitor> monitor;
    std::optional<hwalloc_error> why_listing;
};

namespace {

constexpr const char* no_monitor = "there is no monitor of devices";

// What a callback does, which must not throw.
void keep(hwalloc_device_monitor& monitor, std::string_view name, Allocator& allocator,
          uint32_t what) noexcept try {
    monitor.told.push_back({std::string(name), AllocatorRef(&allocator), what});
} catch (const std::bad_alloc&) {
    monitor.lost = true;
}

} // namespace

int hwalloc_device_monitor_new(hwalloc_device_monitor** monitor, hwalloc_error** error) noexcept try {
    if (!monitor)
        return refuse_null("there is no place for the monitor", error);
    auto made = std::make_unique<hwalloc_device_monitor>();
    hwalloc_device_monitor* keeper = made.get(); // which stays where it is
    const auto keeps = [keeper](uint32_t what) {
        return [keeper, what](std::string_view name, Allocator& allocator) {
            keep(*keeper, name, allocator, what);
        };
    };
    auto opened =
        DeviceMonitor::open({.added = keeps(HWALLOC_DEVICE_ADDED), .removed = keeps(HWALLOC_DEVICE_REMOVED)});
    if (!opened)
        return refuse(opened.error(), error);
    made->monitor = *std::move(opened);
    if (const Error* why = made->monitor->why_listing())
        made->why_listing = c::object_of(*why);
    *monitor = made.release();
    return 0;
} catch (const std::bad_alloc&) {
    return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}
void hwalloc_device_monitor_free(hwalloc_device_monitor* monitor) noexcept {
    delete monitor;
}
uint32_t hwalloc_device_monitor_source(const hwalloc_device_monitor* monitor) noexcept {
    return monitor && monitor->monitor->source() == DeviceSource::udev ? HWALLOC_DEVICES_BY_UDEV
                                                                       : HWALLOC_DEVICES_BY_LISTING;
}
const hwalloc_error* hwalloc_device_monitor_why_listing(const hwalloc_device_monitor* monitor) noexcept {
    return monitor && monitor->why_listing ? &*monitor->why_listing : nullptr;
}
int hwalloc_device_monitor_fd(const hwalloc_device_monitor* monitor) noexcept {
    return monitor ? monitor->monitor->fd() : -1;
}
int hwalloc_device_monitor_dispatch(hwalloc_device_monitor* monitor, size_t* count,
                                    hwalloc_error** error) noexcept {
    if (!monitor)
        return refuse_null(no_monitor, error);
    monitor->told.clear();
    monitor->lost = false;
    if (auto looked = monitor->monitor->dispatch(); !looked)
        return refuse(looked.error(), error);
    if (monitor->lost)
        return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
    if (count)
        *count = monitor->told.size();
    return 0;
}
int hwalloc_device_monitor_change(const hwalloc_device_monitor* monitor, size_t index,
                                  hwalloc_device_change* change, hwalloc_error** error) noexcept {
    if (!monitor || !change || index >= monitor->told.size())
        return refuse_null(!monitor  ? no_monitor
                           : !change ? "there is no place for the change"
                                     : "there were not so many changes",
                           error);
    const auto& told = monitor->told[index];
    return c::answer(c::write_struct(change, hwalloc_device_change{.struct_size = 0,
                                                                   .name = told.name.c_str(),
                                                                   .allocator = c::to_c(told.allocator.get()),
                                                                   .what = told.what,
                                                                   .reserved = 0}),
                     error);
}
