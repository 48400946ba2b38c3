#include "backends/vulkan/sampler_conversion.h"

#include <algorithm>

#include "backends/vulkan/images.h"
#include "backends/vulkan/ycbcr.h"
#include "common/fixed_text.h"

namespace hwalloc::vulkan::detail {
namespace {

constexpr const char* converting = "converting Y'CbCr pixels in a sampler";

// A picture that does not say is taken to be what cameras and video are most often.
Result<VkSamplerYcbcrModelConversion> model_of(const ImageLayout& layout) noexcept {
    switch (layout.matrix) {
    case ColorMatrix::unspecified:
        return layout.width > 1024 || layout.height > 576 ? VK_SAMPLER_YCBCR_MODEL_CONVERSION_YCBCR_709
                                                          : VK_SAMPLER_YCBCR_MODEL_CONVERSION_YCBCR_601;
    case ColorMatrix::rgb:
        return VK_SAMPLER_YCBCR_MODEL_CONVERSION_RGB_IDENTITY;
    case ColorMatrix::bt601:
        return VK_SAMPLER_YCBCR_MODEL_CONVERSION_YCBCR_601;
    case ColorMatrix::bt709:
        return VK_SAMPLER_YCBCR_MODEL_CONVERSION_YCBCR_709;
    case ColorMatrix::bt2020:
        return VK_SAMPLER_YCBCR_MODEL_CONVERSION_YCBCR_2020;
    case ColorMatrix::bt2020_constant:
    case ColorMatrix::smpte240m:
    case ColorMatrix::hsv_180:
    case ColorMatrix::hsv_256:
        break;
    }
    return Error(ErrorKind::unsupported, converting)
        .remedy(
            "Vulkan has no such matrix (constant luminance, SMPTE 240M, hues): convert in the shader, from "
            "views of "
            "the planes or from a buffer");
}

// Where the driver has one place only for chroma samples, that.
VkChromaLocation location(VkChromaLocation wanted, VkFormatFeatureFlags features) noexcept {
    const bool cosited = (features & VK_FORMAT_FEATURE_COSITED_CHROMA_SAMPLES_BIT) != 0;
    const bool midpoint = (features & VK_FORMAT_FEATURE_MIDPOINT_CHROMA_SAMPLES_BIT) != 0;
    if (wanted == VK_CHROMA_LOCATION_COSITED_EVEN)
        return cosited ? wanted : VK_CHROMA_LOCATION_MIDPOINT;
    return midpoint ? wanted : VK_CHROMA_LOCATION_COSITED_EVEN;
}

} // namespace

ConversionBinding::~ConversionBinding() {
    if (conversion && context->of_this_process())
        context->functions.DestroySamplerYcbcrConversion(context->device, conversion, nullptr);
}

Result<std::shared_ptr<const ConversionBinding>> create_conversion(Context& context,
                                                                   const ImageLayout& layout,
                                                                   const ChromaSiting& siting,
                                                                   VkFilter filter) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<const ConversionBinding>> {
        const VkFormat format = format_of_drm(layout.fourcc);
        if (format != VK_FORMAT_UNDEFINED && !ycbcr_format(format))
            return Error(ErrorKind::invalid, converting)
                .on(context.name)
                .remedy("images of this format are sampled without a conversion");
        if (!context.enabled_features.sampler_ycbcr_conversion)
            return no_conversion(context, layout.fourcc);
        const auto model = model_of(layout);
        if (!model)
            return Error(model.error()).on(context.name);
        auto support =
            modifiers_for(context, layout.fourcc, layout.width, layout.height, VK_IMAGE_USAGE_SAMPLED_BIT);
        if (!support)
            return std::move(support).error();
        const auto found = std::find_if(support->begin(), support->end(), [&](const ModifierSupport& one) {
            return one.modifier == layout.modifier;
        });
        constexpr VkFormatFeatureFlags any_location =
            VK_FORMAT_FEATURE_COSITED_CHROMA_SAMPLES_BIT | VK_FORMAT_FEATURE_MIDPOINT_CHROMA_SAMPLES_BIT;
        if (found == support->end() || !(found->features & any_location))
            return Error(ErrorKind::unsupported, converting)
                .on(context.name)
                .call("vkGetPhysicalDeviceFormatProperties2")
                .remedy(FixedText("the driver converts no ", fourcc_name(layout.fourcc),
                                  " images with modifier 0x")
                            .append(layout.modifier, 16)
                            .append("; as a buffer it can be used when it is linear"));
        const bool linear =
            filter == VK_FILTER_LINEAR &&
            (found->features & VK_FORMAT_FEATURE_SAMPLED_IMAGE_YCBCR_CONVERSION_LINEAR_FILTER_BIT);
        auto made = std::make_shared<ConversionBinding>();
        made->context = context.shared_from_this();
        made->info = {.sType = VK_STRUCTURE_TYPE_SAMPLER_YCBCR_CONVERSION_CREATE_INFO,
                      .format = format,
                      .ycbcrModel = *model,
                      .ycbcrRange = layout.range == ColorRange::full ? VK_SAMPLER_YCBCR_RANGE_ITU_FULL
                                                                     : VK_SAMPLER_YCBCR_RANGE_ITU_NARROW,
                      .xChromaOffset = location(siting.x, found->features),
                      .yChromaOffset = location(siting.y, found->features),
                      .chromaFilter = linear ? VK_FILTER_LINEAR : VK_FILTER_NEAREST};
        VkSamplerYcbcrConversion fresh = VK_NULL_HANDLE; // undefined after a failure
        if (const VkResult result =
                context.functions.CreateSamplerYcbcrConversion(context.device, &made->info, nullptr, &fresh);
            result != VK_SUCCESS)
            return context.refused(result, converting, "vkCreateSamplerYcbcrConversion");
        made->conversion = fresh;
        return std::shared_ptr<const ConversionBinding>(std::move(made));
    });
}

} // namespace hwalloc::vulkan::detail
