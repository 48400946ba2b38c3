/* Allocators in C: found by name, registered, and what they are. See hwalloc/hwalloc.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

/* Makes memory of one kind. What the registry has is there for ever, and needs no handle. */
typedef struct hwalloc_allocator hwalloc_allocator;

/* The version of the library, "0.1.0". */
HWALLOC_C_API const char* hwalloc_version(void) HWALLOC_C_NOEXCEPT;

/* ---- the registry */

/* The allocator of that name ("sysmem", "dma-heap/system", a family for its best instance, an alias), or
 * NULL. A look-up and no more: takes no lock, opens nothing. `name` NULL: the default. */
HWALLOC_C_API hwalloc_allocator* hwalloc_find(const char* name) HWALLOC_C_NOEXCEPT;
/* Like that, and where the name is not known: loads modules and libhwalloc-vulkan, looks for devices once
 * more, and explains why there is none (-ENOENT, -EACCES ...). May block. NULL or an empty name: the default.
 */
HWALLOC_C_API int hwalloc_resolve(const char* name, hwalloc_allocator** allocator,
                                  hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Gives `allocator` one more name; the last who takes a name has it. Errors: -EINVAL (an empty name),
 * -ENOMEM. */
HWALLOC_C_API int hwalloc_register(const char* name, hwalloc_allocator* allocator,
                                   hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Takes the name out of the registry. Memory is not affected. Errors: -EINVAL (empty), -ENOENT (not known).
 */
HWALLOC_C_API int hwalloc_unregister(const char* name, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* What hwalloc_alloc() uses without an allocator. */
HWALLOC_C_API int hwalloc_set_default(hwalloc_allocator* allocator, hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- what it is */

/* The name that it was first registered under; empty when it never was. As long as the allocator. */
HWALLOC_C_API const char* hwalloc_allocator_name(const hwalloc_allocator* allocator) HWALLOC_C_NOEXCEPT;
/* The kind of its memory, a family's name such as "dma-heap": at most `size` bytes of it with the zero byte,
 * at `text`. Returns how many bytes it has, without the zero byte. */
HWALLOC_C_API size_t hwalloc_allocator_mem_type(const hwalloc_allocator* allocator, char* text,
                                                size_t size) HWALLOC_C_NOEXCEPT;
/* One owner more, and one fewer, of one that is in no registry, as hwalloc_memory_allocator() may give. */
HWALLOC_C_API hwalloc_allocator* hwalloc_allocator_ref(hwalloc_allocator* allocator) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_allocator_unref(hwalloc_allocator* allocator) HWALLOC_C_NOEXCEPT;

/* An honest answer about memory. */
enum { HWALLOC_NO = 0, HWALLOC_YES = 1, HWALLOC_UNKNOWN = 2 };
/* Which caches DMA_BUF_IOCTL_SYNC really maintains (Linux, Documentation/driver-api/dma-buf.rst). */
enum {
    HWALLOC_SYNC_UNKNOWN = 0,
    HWALLOC_SYNC_IMPORTER_AWARE = 1, /* for every device that has the memory mapped: right on any machine */
    HWALLOC_SYNC_EXPORTER_ONLY = 2,  /* for the exporter's own device only: right where DMA is coherent */
    HWALLOC_SYNC_FENCE_ONLY = 3,     /* waits for fences, maintains nothing */
    HWALLOC_SYNC_NONE = 4            /* no call: none needed, or none possible */
};
/* What an allocator can do. */
enum {
    HWALLOC_CAN_ALLOC = 0x01,
    HWALLOC_CAN_MAP = 0x02,
    HWALLOC_CAN_EXPORT_DMABUF = 0x04,
    HWALLOC_CAN_EXPORT_MEMFD = 0x08,
    HWALLOC_CAN_IMPORT_DMABUF = 0x10,
    HWALLOC_CAN_IMAGE = 0x20 /* lays pictures out itself */
};

typedef struct hwalloc_properties {
    size_t struct_size;
    uint32_t contiguous;   /* HWALLOC_YES ...: one run of physical addresses */
    uint32_t cached;       /* reads by the CPU go through its cache */
    uint32_t device_local; /* lives in a device's own memory */
    uint32_t sync;         /* HWALLOC_SYNC_* */
    uint64_t granule;      /* sizes are rounded up to so many bytes */
    uint64_t max_size;     /* the largest allocation, in bytes */
    int32_t cost;          /* order among allocators that would do: the lower is tried first */
    uint32_t can;          /* HWALLOC_CAN_* */
} hwalloc_properties;

/* What its memory is like. Error: -EOPNOTSUPP, where it does not say. */
HWALLOC_C_API int hwalloc_allocator_properties(hwalloc_allocator* allocator, hwalloc_properties* properties,
                                               hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Whether it can work for this process now: opens what it would open, allocates nothing, and tells why not.
 * May block. Of one that does not say, 0. */
HWALLOC_C_API int hwalloc_allocator_available(hwalloc_allocator* allocator,
                                              hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- devices */

/* Closes the device nodes that the library keeps open for its next allocation, so that a driver's module can
 * be unloaded. */
HWALLOC_C_API void hwalloc_close_idle_devices(void) HWALLOC_C_NOEXCEPT;
/* Whether this process may use a device node that no allocator stands for, such as /dev/dri/renderD128: opens
 * it for a moment. Not for a card's primary node. Errors: -EINVAL, -ENOENT, -EACCES, and what the driver
 * answers. */
HWALLOC_C_API int hwalloc_check_node(const char* path, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Bytes of memory of this machine, and those that can be had now by the kernel's estimate, with free swap
 * space; either place may be NULL. Errors: what reading /proc/meminfo answers; -EOPNOTSUPP where it does not
 * tell. */
HWALLOC_C_API int hwalloc_machine_memory(uint64_t* total, uint64_t* available,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Whether the machine has `bytes` free and enough left for its other processes; yes where nobody tells.
 * Error: -ENOMEM. */
HWALLOC_C_API int hwalloc_check_machine_has(uint64_t bytes, hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
