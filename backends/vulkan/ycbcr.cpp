#include "backends/vulkan/ycbcr.h"

namespace hwalloc::vulkan::detail {
namespace {

constexpr VkFormat two_bytes[] = {VK_FORMAT_R8_UNORM, VK_FORMAT_R8G8_UNORM};
constexpr VkFormat three_bytes[] = {VK_FORMAT_R8_UNORM, VK_FORMAT_R8_UNORM, VK_FORMAT_R8_UNORM};
// Of the same size as the planes' own R10X6 formats, which fewer drivers have, and the same numbers.
constexpr VkFormat two_words[] = {VK_FORMAT_R16_UNORM, VK_FORMAT_R16G16_UNORM};

// Of views of each plane; none for a format of one plane.
std::span<const VkFormat> plane_formats(const PixelFormat& format) noexcept {
    if (format.plane_count == 3)
        return three_bytes;
    if (format.plane_count == 2)
        return format.depth() > 8 ? std::span(two_words) : std::span(two_bytes);
    return {};
}

} // namespace

std::optional<YcbcrFormat> ycbcr_format(VkFormat format) noexcept {
    const PixelFormat* known = pixel_format_by_vulkan(static_cast<std::uint32_t>(format));
    if (!known || known->kind != PixelKind::yuv)
        return std::nullopt;
    return YcbcrFormat{plane_formats(*known), known->chroma_columns, known->chroma_rows};
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
