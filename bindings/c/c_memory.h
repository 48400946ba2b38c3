/* Memory in C: a window on a piece of storage, its mappings, shares, copies and descriptors. See
 * hwalloc/hwalloc.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_allocator.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

/* A window [offset, offset + size) on the region [0, maxsize) of its storage. Lives until its last handle,
 * share and map is gone. */
typedef struct hwalloc_memory hwalloc_memory;

/* "To the end of the window", where a size is asked for. */
#define HWALLOC_WHOLE SIZE_MAX

/* How memory may be used. The names and meanings of these and the next two are GStreamer's. */
enum {
    HWALLOC_MEMORY_READONLY = 0x02, /* no map for writing; every share has it */
    HWALLOC_MEMORY_MAY_BE_LEAKED = 0x04,
    HWALLOC_MEMORY_NO_SHARE = 0x10,      /* sharing is refused */
    HWALLOC_MEMORY_ZERO_PREFIXED = 0x20, /* the bytes before the window are zero */
    HWALLOC_MEMORY_ZERO_PADDED = 0x40,   /* the bytes after the window are zero */
    HWALLOC_MEMORY_PHYSICALLY_CONTIGUOUS = 0x80,
    HWALLOC_MEMORY_NOT_MAPPABLE = 0x100,
    HWALLOC_MEMORY_CUSTOM = 0x100000 /* the first bit of the caller's own */
};
enum {
    HWALLOC_MAP_READ = 1,
    HWALLOC_MAP_WRITE = 2,
    HWALLOC_MAP_READWRITE = 3,
    HWALLOC_MAP_REF_MEMORY = 0x100, /* the map holds a handle, too */
    HWALLOC_MAP_CUSTOM = 0x10000    /* the first bit of a backend's own */
};
enum {
    HWALLOC_LOCK_READ = 1,
    HWALLOC_LOCK_WRITE = 2,
    HWALLOC_LOCK_READWRITE = 3,
    HWALLOC_LOCK_EXCLUSIVE = 4 /* counts like a share: with two of them nothing may be written */
};

/* What is asked of an allocation. All 0 is what NULL is. */
typedef struct hwalloc_allocation_params {
    size_t struct_size;
    uint32_t flags;    /* HWALLOC_MEMORY_* */
    uint32_t reserved; /* 0 */
    size_t align;      /* of the region's first byte, as a mask: bytes - 1; at least 7 */
    size_t prefix;     /* bytes before the window, and after it, over which it may be moved */
    size_t padding;
} hwalloc_allocation_params;

/* Called once, with what was given for it, when memory goes; in whichever thread lets go. */
typedef void (*hwalloc_notify)(void* user_data);

/* ---- getting and releasing */

/* New memory of `size` bytes; `allocator` NULL: the default. The contents are undefined, but memory of a
 * device is zero. The caller owns a handle. Errors: -EINVAL, -EOVERFLOW, -EOPNOTSUPP (it only imports; an
 * alignment that it cannot give), and what the device answers. */
HWALLOC_C_API int hwalloc_alloc(hwalloc_allocator* allocator, size_t size,
                                const hwalloc_allocation_params* params, hwalloc_memory** memory,
                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Memory around `maxsize` bytes at `data` with a window in it, without a copy, of "sysmem". `notify`, if
 * given, is called with `user_data` when the memory goes; else the caller keeps the bytes until then. Errors:
 * -EINVAL, -ENOMEM; `notify` is not called then. */
HWALLOC_C_API int hwalloc_new_wrapped(uint32_t flags, void* data, size_t maxsize, size_t offset, size_t size,
                                      void* user_data, hwalloc_notify notify, hwalloc_memory** memory,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* One more handle; NULL: there are as many as there can be, or `memory` is NULL. */
HWALLOC_C_API hwalloc_memory* hwalloc_memory_ref(hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
/* Releases a handle. The storage goes with the last handle, share and map. */
HWALLOC_C_API void hwalloc_memory_unref(hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
/* The same, of memory that `allocator` made. Error: -EINVAL, where it is another's: nothing is released then.
 */
HWALLOC_C_API int hwalloc_free(hwalloc_allocator* allocator, hwalloc_memory* memory,
                               hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- what it is. Of NULL: nothing, and 0. */

/* Lent: at least as long as the memory. */
HWALLOC_C_API hwalloc_allocator* hwalloc_memory_allocator(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
/* What it is a share of, always the root; NULL: it is no share. Lent. */
HWALLOC_C_API const hwalloc_memory* hwalloc_memory_parent(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
/* In bytes: of the window, its place in the region, and of the region. */
HWALLOC_C_API size_t hwalloc_memory_size(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_memory_offset(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API size_t hwalloc_memory_maxsize(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
/* Of the region's first byte, as a mask; 0: not known. */
HWALLOC_C_API size_t hwalloc_memory_align(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint32_t hwalloc_memory_flags(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
/* 1: its allocator is of this type ("dma-heap"); else 0. */
HWALLOC_C_API int hwalloc_memory_is_type(const hwalloc_memory* memory,
                                         const char* mem_type) HWALLOC_C_NOEXCEPT;
/* 1: fewer than two shares, so that it may be written; else 0. Others may change it at once, as the next. */
HWALLOC_C_API int hwalloc_memory_is_writable(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint32_t hwalloc_memory_ref_count(const hwalloc_memory* memory) HWALLOC_C_NOEXCEPT;

/* ---- mapping */

/* What one map gave. Filled by mapping, consumed by unmapping. */
typedef struct hwalloc_map_info {
    size_t struct_size;
    hwalloc_memory* memory; /* NULL: nothing is mapped */
    uint8_t* data;          /* the first byte of the window */
    size_t size;            /* bytes of the window when it was mapped */
    size_t maxsize;         /* bytes from `data` to the end of the region */
    uint32_t flags;         /* as asked for */
    void* user_data[4];     /* the backend's */
} hwalloc_map_info;

/* Makes the bytes visible to the CPU for that access (HWALLOC_MAP_*), with the cache maintenance that the
 * memory needs, until unmapped. Maps nest: READ goes with READ, WRITE with WRITE, under READWRITE all. Keeps
 * the memory alive. Errors: -EINVAL, -EPERM (mapped in another way; writing of what is read-only or has two
 * shares), -EOVERFLOW, -EOPNOTSUPP, and what the device answers; `info` is empty then. */
HWALLOC_C_API int hwalloc_memory_map(hwalloc_memory* memory, hwalloc_map_info* info, uint32_t flags,
                                     hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Ends one map, and empties `info`. Errors: -EINVAL (it holds no map of this memory: nothing is released),
 * and what the device answers when the access ends (the map is gone all the same). */
HWALLOC_C_API int hwalloc_memory_unmap(hwalloc_memory* memory, hwalloc_map_info* info,
                                       hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Maps `memory`, or a copy of it where it cannot be mapped so: *mapped is what `info` maps then. Takes the
 * caller's handle in any case; the caller owns one on *mapped, and unmaps that. Errors: those of mapping and
 * of copying. */
HWALLOC_C_API int hwalloc_make_mapped(hwalloc_memory* memory, hwalloc_map_info* info, uint32_t flags,
                                      hwalloc_memory** mapped, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The same memory where it is writable, else a copy. Takes the caller's handle in any case. Errors: those of
 * copying. */
HWALLOC_C_API int hwalloc_make_writable(hwalloc_memory* memory, hwalloc_memory** writable,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The access alone, without the memory's lock, for callers that hold one of their own: `info->memory` stays
 * NULL, so that no unmap takes it. The caller keeps the memory alive until the end of the access. Errors: as
 * of mapping, but -EPERM for read-only memory alone. */
HWALLOC_C_API int hwalloc_memory_begin_cpu_access(hwalloc_memory* memory, hwalloc_map_info* info,
                                                  uint32_t flags, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_memory_end_cpu_access(hwalloc_memory* memory, hwalloc_map_info* info,
                                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* What mapping does by itself, for callers who hand memory on unmapped (HWALLOC_LOCK_*). Errors: -EINVAL,
 * -EPERM, -EOVERFLOW. */
HWALLOC_C_API int hwalloc_memory_lock(hwalloc_memory* memory, uint32_t flags,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_memory_unlock(hwalloc_memory* memory, uint32_t flags,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- parts and copies */

/* A read-only view of a part of the window, without a copy. Errors: -EINVAL, -EOPNOTSUPP, -EPERM (mapped for
 * writing), -EOVERFLOW, -ENOMEM. */
HWALLOC_C_API int hwalloc_memory_share(hwalloc_memory* memory, size_t offset, size_t size,
                                       hwalloc_memory** share, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* New memory with the same bytes; `target` NULL: of the memory's own allocator. Errors: -EINVAL, -EOPNOTSUPP,
 * what the device answers, and those of allocating. */
HWALLOC_C_API int hwalloc_memory_copy(hwalloc_memory* memory, size_t offset, size_t size,
                                      hwalloc_allocator* target, hwalloc_memory** copy,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* 1: shares of one root, of which `b` begins where `a` ends; *offset, where given, is then where `a` begins
 * in the root's window. Else 0. */
HWALLOC_C_API int hwalloc_memory_is_span(const hwalloc_memory* a, const hwalloc_memory* b,
                                         size_t* offset) HWALLOC_C_NOEXCEPT;
/* Moves the start of the window by `delta`, or to `offset` of the region, and sets its size. Not while
 * another thread uses the memory. Errors: -EINVAL (outside the region), -EPERM (two or more shares). */
HWALLOC_C_API int hwalloc_memory_resize(hwalloc_memory* memory, ptrdiff_t delta, size_t size,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_memory_set_window(hwalloc_memory* memory, size_t offset, size_t size,
                                            hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- descriptors */

enum { HWALLOC_FD_DMABUF = 0, HWALLOC_FD_MEMFD = 1 };

typedef struct hwalloc_borrowed_fd {
    size_t struct_size;
    int32_t fd;        /* the memory's: not to be closed, and valid as long as the memory is */
    uint32_t kind;     /* HWALLOC_FD_* */
    size_t offset;     /* of the memory's window in the descriptor's object, in bytes */
    size_t size;       /* of the window */
    uint32_t writable; /* 1: the descriptor may be written through */
    uint32_t reserved;
} hwalloc_borrowed_fd;

/* The descriptor of the storage, lent. Error: -EOPNOTSUPP, where it has none of that kind. */
HWALLOC_C_API int hwalloc_memory_borrow_fd(const hwalloc_memory* memory, uint32_t kind,
                                           hwalloc_borrowed_fd* lent,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* A duplicate (O_CLOEXEC), which the caller closes. Errors: -EOPNOTSUPP, -EMFILE, -EINVAL (the memory's own
 * was closed). */
HWALLOC_C_API int hwalloc_memory_export_fd(const hwalloc_memory* memory, uint32_t kind, int* fd,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Memory on a dma-buf from elsewhere, which stays the caller's; `allocator` NULL: that named "dmabuf".
 * Read-only where the descriptor is. Errors: -EINVAL (no dma-buf; the window is outside), -EOPNOTSUPP (the
 * allocator imports none), -EXDEV, -ENOMEM. */
HWALLOC_C_API int hwalloc_import_dmabuf(hwalloc_allocator* allocator, int fd, size_t offset, size_t size,
                                        uint32_t flags, hwalloc_memory** memory,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- for bindings */

/* One pointer that goes with the storage: `destroy` is called with it after the last handle, share and map.
 * Errors: -EINVAL, -EBUSY (the place is taken, once for the life of the storage). */
HWALLOC_C_API int hwalloc_memory_set_user_data(hwalloc_memory* memory, void* data, hwalloc_notify destroy,
                                               hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* What was set with this `destroy`, by which its owner knows it; else NULL. */
HWALLOC_C_API void* hwalloc_memory_user_data(const hwalloc_memory* memory,
                                             hwalloc_notify destroy) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
