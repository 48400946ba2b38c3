// VkImages whose pixels lie as a DRM format modifier says.
#pragma once

#include <vector>

#include "backends/vulkan/context.h"
#include "hwalloc/image.h"

namespace hwalloc::vulkan::detail {

// A modifier that a driver has for a format and usage, in an image shared as dma-buf.
struct ModifierSupport {
    std::uint64_t modifier = 0;
    std::uint32_t plane_count = 0;
    VkFormatFeatureFlags features = 0;
    bool plane_views = false; // with VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT, for views of single planes
    bool exportable = false, importable = false, dedicated_only = false;
};
// All of them for images of this size (0: any). Errors: unsupported (no such format, no modifiers at all, a
// feature of Vulkan that is not enabled), incompatible (a size that images of the format cannot have).
Result<std::vector<ModifierSupport>> modifiers_for(const Context& context, std::uint32_t drm_fourcc,
                                                   std::uint32_t width, std::uint32_t height,
                                                   VkImageUsageFlags usage);

// A VkImage that the caller destroys.
struct CreatedImage {
    VkImage image = VK_NULL_HANDLE;
    VkFormat format = VK_FORMAT_UNDEFINED;
    bool dedicated_only = false, plane_views = false;
};
// A refusal of an image with this layout by `call`. Drivers that cannot have a pitch or an offset answer
// VK_ERROR_INITIALIZATION_FAILED, VK_ERROR_UNKNOWN and others that name no reason: these are incompatible.
Error refused_layout(const Context& context, VkResult result, const ImageLayout& layout,
                     const char* call) noexcept;
// With exactly this layout. Errors: unsupported (format, modifier or usage), incompatible (the driver cannot
// have this pitch or offset), exhausted.
Result<CreatedImage> create_explicit_image(const Context& context, const ImageLayout& layout,
                                           VkImageUsageFlags usage);
// With whichever of these modifiers the driver likes best.
Result<CreatedImage> create_image(const Context& context, const ImageRequest& request,
                                  const std::vector<ModifierSupport>& possible, VkImageUsageFlags usage);
// Where the driver put the planes.
Result<ImageLayout> layout_of(const Context& context, VkImage image, const ImageRequest& request,
                              const std::vector<ModifierSupport>& support, VkDeviceSize memory_size);

} // namespace hwalloc::vulkan::detail
