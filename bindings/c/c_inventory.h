/* What there is, in C: every allocator, and why those that cannot be used cannot. See hwalloc/hwalloc.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_allocator.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

typedef struct hwalloc_inventory hwalloc_inventory;

enum {
    HWALLOC_SCAN_FULL = 0, /* loads modules and libhwalloc-vulkan, and asks each allocator whether it is
                              available; may block */
    HWALLOC_SCAN_QUICK = 1 /* loads nothing and opens nothing */
};

/* A list, which the caller releases. Error: -ENOMEM. */
HWALLOC_C_API int hwalloc_inventory_new(uint32_t scan, hwalloc_inventory** inventory,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_inventory_free(hwalloc_inventory* inventory) HWALLOC_C_NOEXCEPT;

/* Of item `index`; past the end NULL and 0. All belongs to the list, but the allocator. */
HWALLOC_C_API size_t hwalloc_inventory_size(const hwalloc_inventory* inventory) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_inventory_name(const hwalloc_inventory* inventory,
                                                 size_t index) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_inventory_family(const hwalloc_inventory* inventory,
                                                   size_t index) HWALLOC_C_NOEXCEPT;
/* Who offers it: a backend, a module, "application". */
HWALLOC_C_API const char* hwalloc_inventory_backend(const hwalloc_inventory* inventory,
                                                    size_t index) HWALLOC_C_NOEXCEPT;
/* Its other names, one after the other; NULL: no more. */
HWALLOC_C_API const char* hwalloc_inventory_alias(const hwalloc_inventory* inventory, size_t index,
                                                  size_t alias) HWALLOC_C_NOEXCEPT;
/* NULL: it is not registered, and the reason tells why. */
HWALLOC_C_API hwalloc_allocator* hwalloc_inventory_allocator(const hwalloc_inventory* inventory,
                                                             size_t index) HWALLOC_C_NOEXCEPT;
/* Why it cannot be used now; NULL: it can. */
HWALLOC_C_API const hwalloc_error* hwalloc_inventory_why(const hwalloc_inventory* inventory,
                                                         size_t index) HWALLOC_C_NOEXCEPT;
/* 1: it is the default; else 0. */
HWALLOC_C_API int hwalloc_inventory_is_default(const hwalloc_inventory* inventory,
                                               size_t index) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
