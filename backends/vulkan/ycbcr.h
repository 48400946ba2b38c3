// Y'CbCr formats as Vulkan has them: which those are, and what their planes are by themselves (Vulkan,
// "Formats Requiring Sampler Y'CBCR Conversion" and "Compatible Formats of Planes of Multi-Planar Formats").
#pragma once

#include <optional>
#include <span>

#include "backends/vulkan/context.h"

namespace hwalloc::vulkan::detail {

struct YcbcrFormat {
    // Of views of the single planes; empty for one plane.
    std::span<const VkFormat> planes;
    // Pixels that share a chroma sample.
    std::uint32_t across, down;

    // Images have whole chroma samples (VUID-VkImageCreateInfo-format-04712, 04713).
    bool takes(std::uint32_t width, std::uint32_t height) const noexcept {
        return width % across == 0 && height % down == 0;
    }
};
// Nothing: sampling images of the format takes no conversion.
std::optional<YcbcrFormat> ycbcr_format(VkFormat format) noexcept;

// Why images of this format cannot be sampled on a VkDevice without samplerYcbcrConversion.
Error no_conversion(const Context& context, std::uint32_t drm_fourcc);

} // namespace hwalloc::vulkan::detail
