/* Errors in C: a number to decide by, and an object that tells the whole story. See hwalloc/hwalloc.h. */
#pragma once

#include <stdint.h>

#include "hwalloc/c_export.h"

HWALLOC_C_BEGIN

typedef struct hwalloc_error hwalloc_error;

/* What a caller can decide by, and what is returned where the system gave no errno. */
enum {
    HWALLOC_ERROR_INVALID = 1,     /* -EINVAL: the arguments are wrong; the same call will never work */
    HWALLOC_ERROR_UNAVAILABLE = 2, /* -ENOENT: no such allocator, node or device now; may come (hot-plug) */
    HWALLOC_ERROR_PERMISSION = 3,  /* -EACCES: it is there, and the process may not use it */
    HWALLOC_ERROR_UNSUPPORTED =
        4, /* -EOPNOTSUPP: this memory, allocator, driver or kernel cannot do that at all */
    HWALLOC_ERROR_INCOMPATIBLE = 5, /* -EXDEV: the memory does not fit what the device demands */
    HWALLOC_ERROR_EXHAUSTED =
        6,                  /* -ENOMEM: out of memory or of descriptors; another allocator may have some */
    HWALLOC_ERROR_BUSY = 7, /* -EBUSY: somebody else is using it; may work later */
    HWALLOC_ERROR_CONFLICT = 8,    /* -EPERM: the memory is mapped or shared in a way that forbids this now */
    HWALLOC_ERROR_LIMIT = 9,       /* -EOVERFLOW: a counter or a size is at its defined limit */
    HWALLOC_ERROR_DEVICE_LOST = 10 /* -ENODEV: the device behind the memory or the allocator is gone */
};

/* Where hwalloc_error_code()'s number comes from. */
enum {
    HWALLOC_ERROR_DOMAIN_NONE = 0,
    HWALLOC_ERROR_DOMAIN_SYSTEM = 1, /* errno */
    HWALLOC_ERROR_DOMAIN_VULKAN = 2  /* VkResult */
};

/* Of NULL each tells what a shortage of memory is: HWALLOC_ERROR_EXHAUSTED, "out of memory". Texts belong to
 * the error, and are empty where nothing is known. One error is not for two threads at once. */
HWALLOC_C_API uint32_t hwalloc_error_kind(const hwalloc_error* error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint32_t hwalloc_error_domain(const hwalloc_error* error) HWALLOC_C_NOEXCEPT;
/* errno (positive) or VkResult as the domain says; 0: no call of the system was involved. */
HWALLOC_C_API int hwalloc_error_code(const hwalloc_error* error) HWALLOC_C_NOEXCEPT;
/* The whole story in one line, and one indented line for each cause. */
HWALLOC_C_API const char* hwalloc_error_message(const hwalloc_error* error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char*
hwalloc_error_operation(const hwalloc_error* error) HWALLOC_C_NOEXCEPT; /* what was done */
HWALLOC_C_API const char*
hwalloc_error_device(const hwalloc_error* error) HWALLOC_C_NOEXCEPT; /* node, heap, driver or card */
HWALLOC_C_API const char*
hwalloc_error_call(const hwalloc_error* error) HWALLOC_C_NOEXCEPT; /* the call that refused */
HWALLOC_C_API const char*
hwalloc_error_remedy(const hwalloc_error* error) HWALLOC_C_NOEXCEPT; /* what the user can do */
/* A line for a shell that does it, where one does. */
HWALLOC_C_API const char* hwalloc_error_mend(const hwalloc_error* error) HWALLOC_C_NOEXCEPT;
/* Bytes asked for, and bytes there were; 0 where no size was in question. */
HWALLOC_C_API uint64_t hwalloc_error_size_wanted(const hwalloc_error* error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint64_t hwalloc_error_size_held(const hwalloc_error* error) HWALLOC_C_NOEXCEPT;
/* What was tried beside, and failed, too: cause `index`, which belongs to the error; NULL: there are not so
 * many. */
HWALLOC_C_API const hwalloc_error* hwalloc_error_cause(const hwalloc_error* error,
                                                       uint32_t index) HWALLOC_C_NOEXCEPT;
/* All of that as one JSON object, in the form of the command's --json (docs/schemas/common.json). */
HWALLOC_C_API const char* hwalloc_error_json(const hwalloc_error* error) HWALLOC_C_NOEXCEPT;
/* Ends an error and its causes. */
HWALLOC_C_API void hwalloc_error_free(hwalloc_error* error) HWALLOC_C_NOEXCEPT;

/* "invalid", "device lost" ...; "unknown" for another number. There for ever. */
HWALLOC_C_API const char* hwalloc_error_kind_name(uint32_t kind) HWALLOC_C_NOEXCEPT;
/* "EACCES" for 13; "VK_ERROR_OUT_OF_DEVICE_MEMORY" for -2; empty without a name. There for ever. */
HWALLOC_C_API const char* hwalloc_errno_name(int errno_value) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_vk_result_name(int vk_result) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
