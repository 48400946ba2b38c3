// Which VkFormat a DRM format is, by the table of pixel formats.
#include "hwalloc/vulkan.h"

namespace hwalloc::vulkan {

VkFormat format_of_drm(std::uint32_t drm_fourcc) noexcept {
    const PixelFormat* format = pixel_format_by_drm(drm_fourcc);
    return format ? static_cast<VkFormat>(format->vulkan.code) : VK_FORMAT_UNDEFINED;
}

std::uint32_t drm_of_format(VkFormat format) noexcept {
    const PixelFormat* known = pixel_format_by_vulkan(static_cast<std::uint32_t>(format));
    return known ? known->drm.code : 0;
}

} // namespace hwalloc::vulkan
