// Which VkFormat a DRM format is. DRM names components from the highest bit of a little-endian word down;
// Vulkan's formats without _PACK name bytes in memory order: DRM_FORMAT_XRGB8888 is B8G8R8A8 (drm_fourcc.h;
// Vulkan, "Identification of Formats").
#include "hwalloc/vulkan.h"

namespace hwalloc::vulkan {
namespace {

struct Pair {
    std::uint32_t drm;
    VkFormat vulkan;
};
// The first of several DRM formats for one VkFormat is what drm_of_format() says. An X is an A that nobody
// reads.
constexpr Pair pairs[] = {
    {fourcc('X', 'R', '2', '4'), VK_FORMAT_B8G8R8A8_UNORM},
    {fourcc('A', 'R', '2', '4'), VK_FORMAT_B8G8R8A8_UNORM},
    {fourcc('X', 'B', '2', '4'), VK_FORMAT_R8G8B8A8_UNORM},
    {fourcc('A', 'B', '2', '4'), VK_FORMAT_R8G8B8A8_UNORM},
    {fourcc('X', 'R', '3', '0'), VK_FORMAT_A2R10G10B10_UNORM_PACK32},
    {fourcc('A', 'R', '3', '0'), VK_FORMAT_A2R10G10B10_UNORM_PACK32},
    {fourcc('X', 'B', '3', '0'), VK_FORMAT_A2B10G10R10_UNORM_PACK32},
    {fourcc('A', 'B', '3', '0'), VK_FORMAT_A2B10G10R10_UNORM_PACK32},
    {fourcc('A', 'B', '4', 'H'), VK_FORMAT_R16G16B16A16_SFLOAT},
    {fourcc('R', 'G', '1', '6'), VK_FORMAT_R5G6B5_UNORM_PACK16},
    {fourcc('R', 'G', '2', '4'), VK_FORMAT_B8G8R8_UNORM},
    {fourcc('B', 'G', '2', '4'), VK_FORMAT_R8G8B8_UNORM},
    {fourcc('R', '8', ' ', ' '), VK_FORMAT_R8_UNORM},
    {fourcc('R', '1', '6', ' '), VK_FORMAT_R16_UNORM},
    {fourcc('G', 'R', '8', '8'), VK_FORMAT_R8G8_UNORM},
    {fourcc('G', 'R', '3', '2'), VK_FORMAT_R16G16_UNORM},
    {fourcc('Y', 'U', 'Y', 'V'), VK_FORMAT_G8B8G8R8_422_UNORM},
    {fourcc('U', 'Y', 'V', 'Y'), VK_FORMAT_B8G8R8G8_422_UNORM},
    {fourcc('N', 'V', '1', '2'), VK_FORMAT_G8_B8R8_2PLANE_420_UNORM},
    {fourcc('N', 'V', '1', '6'), VK_FORMAT_G8_B8R8_2PLANE_422_UNORM},
    {fourcc('Y', 'U', '1', '2'), VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM},
    {fourcc('Y', 'U', '1', '6'), VK_FORMAT_G8_B8_R8_3PLANE_422_UNORM},
    {fourcc('P', '0', '1', '0'), VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16},
};

} // namespace

VkFormat format_of_drm(std::uint32_t drm_fourcc) noexcept {
    for (const Pair& pair : pairs)
        if (pair.drm == drm_fourcc)
            return pair.vulkan;
    return VK_FORMAT_UNDEFINED;
}

std::uint32_t drm_of_format(VkFormat format) noexcept {
    for (const Pair& pair : pairs)
        if (pair.vulkan == format)
            return pair.drm;
    return 0;
}

} // namespace hwalloc::vulkan
