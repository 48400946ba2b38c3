#include "backends/vulkan/result.h"

#include "common/open_files.h"

namespace hwalloc::vulkan::detail {

ErrorKind kind_of(VkResult result) noexcept {
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_MEMORY_MAP_FAILED:
        return ErrorKind::exhausted;
    case VK_ERROR_DEVICE_LOST:
        return ErrorKind::device_lost;
    case VK_ERROR_LAYER_NOT_PRESENT:
    case VK_ERROR_EXTENSION_NOT_PRESENT:
    case VK_ERROR_FEATURE_NOT_PRESENT:
    case VK_ERROR_FORMAT_NOT_SUPPORTED:
        return ErrorKind::unsupported;
    case VK_ERROR_INVALID_EXTERNAL_HANDLE:
    case VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT:
        return ErrorKind::incompatible;
    case VK_ERROR_NOT_PERMITTED_KHR:
        return ErrorKind::permission;
    case VK_TIMEOUT:
    case VK_NOT_READY:
        return ErrorKind::busy;
    default: // VK_ERROR_INITIALIZATION_FAILED, VK_ERROR_INCOMPATIBLE_DRIVER, VK_ERROR_UNKNOWN and what is
             // newer
        return ErrorKind::unavailable;
    }
}

Error refused(VkResult result, const char* doing, const char* call) noexcept {
    const ErrorKind kind = kind_of(result);
    // A driver that can open no file has no VkResult for that: it is out of memory, or fails somehow.
    if (kind == ErrorKind::exhausted || kind == ErrorKind::unavailable)
        if (const int answer = too_many_files(); answer < 0)
            return with_open_files_remedy(Error::from_vulkan(ErrorKind::exhausted, result, doing).call(call),
                                          answer);
    return Error::from_vulkan(kind, result, doing).call(call);
}

Error inherited(std::string_view device) noexcept {
    return Error(ErrorKind::invalid, "using a Vulkan device that was opened before a fork()")
        .on(device)
        .remedy(
            "what Vulkan made belongs to the parent, and so do its driver's threads: use Vulkan in the "
            "parent, or in a child that was forked before Vulkan was first used, or start a program anew");
}

} // namespace hwalloc::vulkan::detail
