// Devices that come and go: which allocators appear and vanish with them, told to an application that wants
// to know. The library starts no thread: it looks when it is asked to.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "hwalloc/allocator.h"
#include "hwalloc/export.h"
#include "hwalloc/result.h"

namespace hwalloc {

// Where a DeviceMonitor's news come from.
enum class DeviceSource : std::uint8_t {
    udev,    // events of udev, sent when a device's node can be used: permissions and links are made
    listing, // nobody tells (no udev, as in most containers): each dispatch() looks what there is
};

// Keeps the registry in step with the devices there are. Names of allocators appear and vanish with their
// devices: inside dispatch(), and in the scans that Allocator::resolve() of an unknown name and a full
// inventory() make anyway.
//
// When a device has gone, its names and aliases are found no more; Allocator::resolve() explains it. The
// Allocator object itself lives on: alloc() answers device_lost, and works again when the device is back,
// for then the same name has the same object. Memory on it stays valid to hold and to release, what is mapped
// stays mapped, and whatever needs the device is device_lost as soon as the driver says so. When the default
// allocator's device goes, the built-in default ("sysmem") is the default again. What the application itself
// registered, or took out, is left alone.
//
// Thread-safety: one object by one thread at a time; there may be several objects, each told everything.
class HWALLOC_API DeviceMonitor {
public:
    // Called by dispatch(), after the registry has changed and with none of its locks held: they may use the
    // whole library, but not this monitor. They must not throw. `name` is the allocator's own name, never an
    // alias; aliases have followed. A device that was exchanged for another under the same name is told as
    // removed and added. Either may be empty.
    struct Callbacks {
        std::function<void(std::string_view name, Allocator&allocator)> added, removed;
    };

    // Begins to listen, then looks once what there is: what is told later is what differs from that.
    // inventory(InventoryScan::quick) has it. Where nobody can be listened to that is no failure: source() is
    // `listing`. Error: exhausted.
    static Result<DeviceMonitor> open(Callbacks callbacks) noexcept;

    // What was moved from is `listing` without a reason, has no descriptor, and its dispatch() is invalid.
    DeviceMonitor(DeviceMonitor&&) noexcept;
    DeviceMonitor& operator=(DeviceMonitor&&) noexcept;
    ~DeviceMonitor();

    DeviceSource source() const noexcept;
    // Why there are no events; null when source() is `udev`. Valid as long as the monitor.
    const Error* why_listing() const noexcept HWALLOC_LIFETIMEBOUND;

    // Readable (poll for POLLIN) when dispatch() has something to do; the monitor's own, O_NONBLOCK. -1 when
    // source() is `listing`: then call dispatch() when it suits, such as before a device is chosen.
    int fd() const noexcept;

    // Takes the events there are, looks what devices there are now, changes the registry, and calls back.
    // Does not wait. An event that was lost (netlink drops them when nobody reads for long) does no harm: all
    // that differs from the last call is told, whatever brought it about, a scan of resolve() too. A module
    // whose devices are of other subsystems (hwalloc/backend.h) is heard of from the first dispatch() on that
    // comes after it was loaded. Errors: exhausted (then nothing was told, and the next call tells it),
    // invalid (this object was moved from; a child of fork() asks for its parent's events).
    Result<void> dispatch() noexcept;

private:
    friend class Registry;
    struct HWALLOC_LOCAL State;
    explicit DeviceMonitor(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

// Closes the device nodes that the library keeps open for its next allocation, as far as no memory needs
// them. A driver's module cannot be unloaded while a process has one of its nodes open (rmmod: "Module is in
// use"), so this is for the moment before. The next allocation opens what it needs. Any thread, any time.
HWALLOC_API void close_idle_devices() noexcept;

} // namespace hwalloc
