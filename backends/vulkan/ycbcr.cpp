#include "backends/vulkan/ycbcr.h"

#include <algorithm>

namespace hwalloc::vulkan::detail {
namespace {

constexpr VkFormat two_bytes[] = {VK_FORMAT_R8_UNORM, VK_FORMAT_R8G8_UNORM};
constexpr VkFormat three_bytes[] = {VK_FORMAT_R8_UNORM, VK_FORMAT_R8_UNORM, VK_FORMAT_R8_UNORM};
// Of the same size as the planes' own R10X6 formats, which fewer drivers have, and the same numbers.
constexpr VkFormat two_words[] = {VK_FORMAT_R16_UNORM, VK_FORMAT_R16G16_UNORM};

constexpr YcbcrFormat ycbcr_formats[] = {
    {VK_FORMAT_G8B8G8R8_422_UNORM, {}, 2, 1},
    {VK_FORMAT_B8G8R8G8_422_UNORM, {}, 2, 1},
    {VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, two_bytes, 2, 2},
    {VK_FORMAT_G8_B8R8_2PLANE_422_UNORM, two_bytes, 2, 1},
    {VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM, three_bytes, 2, 2},
    {VK_FORMAT_G8_B8_R8_3PLANE_422_UNORM, three_bytes, 2, 1},
    {VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16, two_words, 2, 2},
};

} // namespace

const YcbcrFormat* ycbcr_format(VkFormat format) noexcept {
    const auto* found = std::find_if(std::begin(ycbcr_formats), std::end(ycbcr_formats),
                                     [&](const YcbcrFormat& one) { return one.format == format; });
    return found == std::end(ycbcr_formats) ? nullptr : found;
}

Error no_conversion(const Context& context, std::uint32_t drm_fourcc) {
    return Error(ErrorKind::unsupported, "sampling an image of a format")
        .doing("sampling an image of format " + fourcc_name(drm_fourcc))
        .on(context.name)
        .remedy(
            context.owned
                ? "the driver lacks the feature samplerYcbcrConversion, without which images of this format "
                  "cannot be sampled; as a buffer it can be used all the same"
                : "this VkDevice was made without the feature samplerYcbcrConversion, without which images "
                  "of this format cannot be sampled: enable it where device_features() has it, and give "
                  "Handles::enabled_features; as a buffer it can be used all the same");
}

} // namespace hwalloc::vulkan::detail
