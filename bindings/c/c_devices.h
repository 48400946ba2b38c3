/* Devices that come and go, in C: which allocators appear and vanish with them. The library starts no thread,
 * and calls nothing back: it looks when it is asked to, and tells then what changed. See hwalloc/hwalloc.h,
 * and docs/hotplug.md. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_allocator.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

/* Keeps the registry in step with the devices there are. One object by one thread at a time; there may be
 * several, each told everything. */
typedef struct hwalloc_device_monitor hwalloc_device_monitor;

enum {
    HWALLOC_DEVICES_BY_UDEV = 0, /* events of udev, sent when a device's node can be used */
    HWALLOC_DEVICES_BY_LISTING =
        1 /* nobody tells (no udev, as in most containers): a look at each dispatch */
};
enum { HWALLOC_DEVICE_ADDED = 0, HWALLOC_DEVICE_REMOVED = 1 };

/* Begins to listen, then looks once what there is: what is told later is what differs from that
 * (hwalloc_inventory_new() with HWALLOC_SCAN_QUICK has it). The caller frees it. Error: -ENOMEM. */
HWALLOC_C_API int hwalloc_device_monitor_new(hwalloc_device_monitor** monitor,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_device_monitor_free(hwalloc_device_monitor* monitor) HWALLOC_C_NOEXCEPT;
/* HWALLOC_DEVICES_BY_UDEV or HWALLOC_DEVICES_BY_LISTING, and why by listing, which belongs to the monitor;
 * NULL where udev tells. */
HWALLOC_C_API uint32_t hwalloc_device_monitor_source(const hwalloc_device_monitor* monitor)
    HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const hwalloc_error*
hwalloc_device_monitor_why_listing(const hwalloc_device_monitor* monitor) HWALLOC_C_NOEXCEPT;
/* Readable (POLLIN) when there is something to dispatch; the monitor's own. -1: by listing; dispatch then
 * when it suits, such as before a device is chosen. */
HWALLOC_C_API int hwalloc_device_monitor_fd(const hwalloc_device_monitor* monitor) HWALLOC_C_NOEXCEPT;
/* Takes the events there are, looks what devices there are now, and changes the registry. How many changes
 * there were since the last call, at *count, which may be NULL. Does not wait. Errors: -ENOMEM (nothing was
 * told then, and the next call tells it, or what was told is lost, and the registry has it), -EINVAL (a child
 * of fork()). */
HWALLOC_C_API int hwalloc_device_monitor_dispatch(hwalloc_device_monitor* monitor, size_t* count,
                                                  hwalloc_error** error) HWALLOC_C_NOEXCEPT;

typedef struct hwalloc_device_change {
    size_t struct_size;
    const char* name; /* the allocator's own, never an alias; the monitor's, until the next dispatch */
    hwalloc_allocator* allocator;
    uint32_t what; /* HWALLOC_DEVICE_* */
    uint32_t reserved;
} hwalloc_device_change;

/* Change `index` of those that the last dispatch found: first all that went, then all that came. Error:
 * -EINVAL (there were not so many). */
HWALLOC_C_API int hwalloc_device_monitor_change(const hwalloc_device_monitor* monitor, size_t index,
                                                hwalloc_device_change* change,
                                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
