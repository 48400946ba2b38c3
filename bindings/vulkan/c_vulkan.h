/* Vulkan in C: device memory as memory of hwalloc, and any memory as VkBuffer, VkImage and VkDeviceMemory,
 * without a copy. Part of libhwalloc-vulkan, which a program that includes this links (pkg-config
 * hwalloc-vulkan); asking for "vulkan/0" by name needs neither. hwalloc/hwalloc.h has what holds for every
 * function.
 *
 * The way of a frame, once per buffer: memory -> hwalloc_vulkan_buffer_new() or hwalloc_vulkan_texture_new();
 * then per frame: acquire, work, release, and wait for the GPU before a camera gets the memory back (V4L2
 * waits for no fence).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <vulkan/vulkan_core.h>

#include "hwalloc/c_allocator.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"
#include "hwalloc/c_image.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/c_plan.h"

HWALLOC_C_BEGIN

/* ---- what an application's own device needs: Vulkan 1.1, and these */

/* Names of device extensions, which live for ever: those without which dma-bufs cannot be imported or
 * exported, and those that are used where they are there. How many, at *count. */
HWALLOC_C_API const char* const* hwalloc_vulkan_required_extensions(size_t* count) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* const* hwalloc_vulkan_optional_extensions(size_t* count) HWALLOC_C_NOEXCEPT;
/* Those of both that `physical_device` has: at most `most` of them at `names`, and how many there are at
 * *count. Errors: -ENOENT (the driver does not answer), -ENOMEM. */
HWALLOC_C_API int hwalloc_vulkan_device_extensions(VkPhysicalDevice physical_device,
                                                   PFN_vkGetInstanceProcAddr get_instance_proc_addr,
                                                   VkInstance instance, const char** names, size_t most,
                                                   size_t* count, hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* Features of Vulkan that what this library makes is better with. */
enum {
    HWALLOC_VULKAN_SAMPLER_YCBCR_CONVERSION = 0x01, /* images of Y'CbCr pixels are sampled as colours */
    HWALLOC_VULKAN_TIMELINE_SEMAPHORE = 0x02,       /* this and the next: for an application's own waits */
    HWALLOC_VULKAN_SYNCHRONIZATION2 = 0x04
};
/* Those that `physical_device` has, for an application to enable. Errors: as above. */
HWALLOC_C_API int hwalloc_vulkan_device_features(VkPhysicalDevice physical_device,
                                                 PFN_vkGetInstanceProcAddr get_instance_proc_addr,
                                                 VkInstance instance, uint32_t* features,
                                                 hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* The application's device. All handles stay the application's and must outlive whatever is made with them.
 */
typedef struct hwalloc_vulkan_handles {
    size_t struct_size;
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    PFN_vkGetInstanceProcAddr get_instance_proc_addr; /* NULL: the loader that this library is linked to */
    const char* const* extensions;                    /* enabled on the VkDevice; read during the call */
    size_t extension_count;
    const void* features; /* VkDeviceCreateInfo::pNext; read during the call; NULL: none is enabled */
    VkQueue queue;        /* for copies and fills by the GPU; NULL: the CPU does them */
    uint32_t queue_family;
    uint32_t api_version; /* that instance and device were made for; 0: VK_API_VERSION_1_1 */
} hwalloc_vulkan_handles;

/* ---- the device */

/* An open Vulkan device. A child of fork() is refused what would call the driver. */
typedef struct hwalloc_vulkan_device hwalloc_vulkan_device;

/* The library's own: by index ("0"), part of its name ("llvmpipe"), DRM node ("renderD128"), or NULL or ""
 * for the first that takes dma-bufs. All callers in the process share one VkDevice. Errors: -ENOENT,
 * -EOPNOTSUPP (older than Vulkan 1.1), and what the driver answers. */
HWALLOC_C_API int hwalloc_vulkan_open(const char* which, hwalloc_vulkan_device** device,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The application's own. While the library has a queue of it, every use of that by the application is between
 * hwalloc_vulkan_queue_lock() and hwalloc_vulkan_queue_unlock(). Errors: -EINVAL (a NULL handle),
 * -EOPNOTSUPP, -ENOMEM. */
HWALLOC_C_API int hwalloc_vulkan_wrap(const hwalloc_vulkan_handles* handles, hwalloc_vulkan_device** device,
                                      hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The one that an allocator of this library makes its memory on. Error: -EINVAL (no Vulkan allocator). */
HWALLOC_C_API int hwalloc_vulkan_of_allocator(hwalloc_allocator* allocator, hwalloc_vulkan_device** device,
                                              hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Ends the object; the device lives as long as anything made with it. */
HWALLOC_C_API void hwalloc_vulkan_free(hwalloc_vulkan_device* device) HWALLOC_C_NOEXCEPT;

typedef struct hwalloc_vulkan_info {
    size_t struct_size;
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    VkQueue queue;     /* for compute and transfer at least; NULL: none */
    const char* name;  /* VkPhysicalDeviceProperties::deviceName; this and the next as long as the object */
    const char* index; /* "0" of what was opened; empty of what was wrapped */
    uint32_t queue_family;
    uint32_t features; /* enabled on the VkDevice: HWALLOC_VULKAN_* */
    uint32_t imports_dma_buf;
    uint32_t exports_dma_buf;
    uint32_t sees_cpu_caches; /* HWALLOC_YES ... */
    uint32_t reserved;
} hwalloc_vulkan_info;
/* Asks the driver. Error: -EINVAL. */
HWALLOC_C_API int hwalloc_vulkan_get_info(const hwalloc_vulkan_device* device, hwalloc_vulkan_info* info,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Around vkQueueSubmit and every other use of the queue; not recursive, unlocked by the thread that locked.
 * Who holds it neither copies nor allocates memory of this device. A child of fork() waits for nothing. */
HWALLOC_C_API void hwalloc_vulkan_queue_lock(hwalloc_vulkan_device* device) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_vulkan_queue_unlock(hwalloc_vulkan_device* device) HWALLOC_C_NOEXCEPT;

enum {
    HWALLOC_VULKAN_EXPORTABLE = 0, /* a dma-buf of its own each, mapped where the driver can: "vulkan/N" */
    HWALLOC_VULKAN_HOST = 1,       /* suballocated, mapped, no dma-buf: "vulkan/N/host" */
    HWALLOC_VULKAN_DEVICE_LOCAL =
        2 /* suballocated, the GPU's fastest, not mappable: "vulkan/N/device-local" */
};
/* A new allocator of this device, under no name: hwalloc_allocator_unref() ends it. Errors: -EOPNOTSUPP,
 * -ENOMEM. */
HWALLOC_C_API int hwalloc_vulkan_allocator(hwalloc_vulkan_device* device, uint32_t placement,
                                           hwalloc_allocator** allocator,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* Memory of one VkMemoryHeap, in bytes. Never grows. */
typedef struct hwalloc_vulkan_heap {
    uint32_t index;
    uint32_t device_local;
    uint64_t size;
    uint64_t budget;          /* what this process may use before it gets slow or fails */
    uint64_t usage;           /* what it uses, with all that is not hwalloc's */
    uint64_t allocated;       /* of these by this device: bytes of VkDeviceMemory */
    uint64_t suballocated;    /* bytes given out of them */
    uint64_t imported;        /* bytes of other people's dma-bufs, told with heap 0 */
    uint32_t device_memories; /* how many there are of each */
    uint32_t suballocations;
    uint32_t imports;
    uint32_t reserved;
} hwalloc_vulkan_heap;
/* At most `most` heaps at `heaps`, and how many there are at *count. Asks the driver: not for every frame.
 * Error: -ENOMEM. */
HWALLOC_C_API int hwalloc_vulkan_heaps(const hwalloc_vulkan_device* device, hwalloc_vulkan_heap* heaps,
                                       size_t most, size_t* count, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The modifiers that the driver has for a format and usage, likewise. Errors: -EINVAL (no usage), -EOPNOTSUPP
 * (none), -ENOMEM. */
HWALLOC_C_API int hwalloc_vulkan_modifiers(hwalloc_vulkan_device* device, uint32_t drm_fourcc,
                                           VkImageUsageFlags usage, uint64_t* modifiers, size_t most,
                                           size_t* count, hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* VkFormat of a format by its name in drm_fourcc.h, and back; 0 where the other side has none. */
HWALLOC_C_API VkFormat hwalloc_vulkan_format_of_drm(uint32_t drm_fourcc) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint32_t hwalloc_vulkan_drm_of_format(VkFormat format) HWALLOC_C_NOEXCEPT;

/* ---- memory as Vulkan objects: each keeps its memory alive, and is the caller's to free; handles are lent
 */

typedef struct hwalloc_vulkan_buffer hwalloc_vulkan_buffer;

/* `memory` as a VkBuffer, imported by its dma-buf where another device made it. Errors: -EOPNOTSUPP, -EACCES,
 * -EXDEV (refused by the driver), -ENOMEM. */
HWALLOC_C_API int hwalloc_vulkan_buffer_new(hwalloc_vulkan_device* device, hwalloc_memory* memory,
                                            hwalloc_vulkan_buffer** buffer,
                                            hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_vulkan_buffer_free(hwalloc_vulkan_buffer* buffer) HWALLOC_C_NOEXCEPT;
typedef struct hwalloc_vulkan_buffer_info {
    size_t struct_size;
    VkBuffer buffer;              /* the same for all windows of one storage */
    VkDeviceSize offset, size;    /* of the memory's window in it; the size may be less than the memory's */
    VkDeviceMemory device_memory; /* what it is bound to, and where it begins there */
    VkDeviceSize device_memory_offset;
    uint32_t foreign; /* 1: each use begins with an acquire and ends with a release */
    uint32_t reserved;
} hwalloc_vulkan_buffer_info;
/* What Vulkan has of it. Error: -EINVAL. */
HWALLOC_C_API int hwalloc_vulkan_buffer_get_info(const hwalloc_vulkan_buffer* buffer,
                                                 hwalloc_vulkan_buffer_info* info,
                                                 hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* How large memory has to be, in bytes, so that its VkBuffer has `size` bytes. Errors: -EOVERFLOW, and what
 * the driver answers. */
HWALLOC_C_API int hwalloc_vulkan_memory_size_for_buffer(const hwalloc_vulkan_device* device,
                                                        VkDeviceSize size, VkDeviceSize* needed,
                                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;

typedef struct hwalloc_vulkan_texture hwalloc_vulkan_texture;

/* The picture in `memory` as a VkImage with exactly this layout. Errors: as of a buffer; -EINVAL (no pixels,
 * no usage). Linear pixels can be a buffer instead, after any of these but -ENODEV. */
HWALLOC_C_API int hwalloc_vulkan_texture_new(hwalloc_vulkan_device* device, hwalloc_memory* memory,
                                             const hwalloc_image_layout* layout, VkImageUsageFlags usage,
                                             hwalloc_vulkan_texture** texture,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_vulkan_texture_free(hwalloc_vulkan_texture* texture) HWALLOC_C_NOEXCEPT;
typedef struct hwalloc_vulkan_texture_info {
    size_t struct_size;
    VkImage image;
    VkDeviceMemory device_memory;
    uint64_t modifier;
    VkExtent2D extent;
    VkFormat format;
    uint32_t plane_views; /* 1: VkImageViews of its single planes may be made */
} hwalloc_vulkan_texture_info;
/* What Vulkan has of it. Error: -EINVAL. */
HWALLOC_C_API int hwalloc_vulkan_texture_get_info(const hwalloc_vulkan_texture* texture,
                                                  hwalloc_vulkan_texture_info* info,
                                                  hwalloc_error** error) HWALLOC_C_NOEXCEPT;

typedef struct hwalloc_vulkan_conversion hwalloc_vulkan_conversion;

/* What turns the Y'CbCr pixels of `layout` into R'G'B' when they are sampled. `x` and `y`: where shared
 * samples of chroma are; video has VK_CHROMA_LOCATION_COSITED_EVEN and VK_CHROMA_LOCATION_MIDPOINT nearly
 * always. Errors: -EINVAL (no Y'CbCr), -EOPNOTSUPP (the feature is not enabled, the driver lacks the format),
 * -ENOMEM. */
HWALLOC_C_API int hwalloc_vulkan_conversion_new(hwalloc_vulkan_device* device,
                                                const hwalloc_image_layout* layout, VkChromaLocation x,
                                                VkChromaLocation y, VkFilter chroma_filter,
                                                hwalloc_vulkan_conversion** conversion,
                                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_vulkan_conversion_free(hwalloc_vulkan_conversion* conversion) HWALLOC_C_NOEXCEPT;
/* What it was made with; of NULL zeros. And for pNext of VkSamplerCreateInfo and VkImageViewCreateInfo, with
 * the handle in it. */
HWALLOC_C_API void
hwalloc_vulkan_conversion_create_info(const hwalloc_vulkan_conversion* conversion,
                                      VkSamplerYcbcrConversionCreateInfo* info) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_vulkan_conversion_info(const hwalloc_vulkan_conversion* conversion,
                                                  VkSamplerYcbcrConversionInfo* info) HWALLOC_C_NOEXCEPT;

/* ---- the barriers around each use of what is foreign, at `barrier`; of what is not they are plain memory
 * barriers. `access`: what the work in between does; `layout`: that of the work in between, often
 * VK_IMAGE_LAYOUT_GENERAL. Nothing is written where something is NULL. */
HWALLOC_C_API void hwalloc_vulkan_acquire_buffer(const hwalloc_vulkan_device* device,
                                                 const hwalloc_vulkan_buffer* buffer, VkAccessFlags access,
                                                 VkBufferMemoryBarrier* barrier) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_vulkan_release_buffer(const hwalloc_vulkan_device* device,
                                                 const hwalloc_vulkan_buffer* buffer, VkAccessFlags access,
                                                 VkBufferMemoryBarrier* barrier) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_vulkan_acquire_texture(const hwalloc_vulkan_device* device,
                                                  const hwalloc_vulkan_texture* texture, VkAccessFlags access,
                                                  VkImageLayout layout,
                                                  VkImageMemoryBarrier* barrier) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_vulkan_release_texture(const hwalloc_vulkan_device* device,
                                                  const hwalloc_vulkan_texture* texture, VkAccessFlags access,
                                                  VkImageLayout layout,
                                                  VkImageMemoryBarrier* barrier) HWALLOC_C_NOEXCEPT;
/* Instead of acquiring where all pixels are drawn anew. */
HWALLOC_C_API void hwalloc_vulkan_discard_texture(const hwalloc_vulkan_device* device,
                                                  const hwalloc_vulkan_texture* texture, VkAccessFlags access,
                                                  VkImageLayout layout,
                                                  VkImageMemoryBarrier* barrier) HWALLOC_C_NOEXCEPT;

/* ---- in plans: as a VkImage with `usage` where the driver can have the layout, else as a VkBuffer; 0: as
 * that always. Error: -ENOMEM. */
HWALLOC_C_API int hwalloc_vulkan_participant(const hwalloc_vulkan_device* device, VkImageUsageFlags usage,
                                             hwalloc_participant** participant,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
