#include "backends/vulkan/images.h"

#include <algorithm>
#include <array>
#include <optional>

#include "backends/vulkan/ycbcr.h"
#include "common/fixed_text.h"

namespace hwalloc::vulkan::detail {
namespace {

constexpr VkImageAspectFlagBits memory_planes[] = {
    VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT, VK_IMAGE_ASPECT_MEMORY_PLANE_1_BIT_EXT,
    VK_IMAGE_ASPECT_MEMORY_PLANE_2_BIT_EXT, VK_IMAGE_ASPECT_MEMORY_PLANE_3_BIT_EXT};

Error no_modifiers(const Context& context) noexcept {
    return Error(ErrorKind::unsupported, "using a dma-buf as an image")
        .on(context.name)
        .remedy("the driver or this VkDevice lacks VK_EXT_image_drm_format_modifier; as a buffer it can be "
                "used all the same");
}

Error no_format(const Context& context, std::uint32_t drm_fourcc) {
    const PixelFormat* known = pixel_format_by_drm(drm_fourcc);
    const char* why =
        known && !known->vulkan
            ? known->vulkan.why_none
            : "Vulkan has no such format, or the driver cannot have it in a dma-buf for this use";
    return Error(ErrorKind::unsupported, "using an image of a format")
        .doing("using an image of format " + fourcc_name(drm_fourcc))
        .on(context.name)
        .remedy(FixedText(why, "; as a buffer it can be used all the same"));
}

// Features of a format that a usage needs (Vulkan, "Format Feature Dependent Usage Flags").
VkFormatFeatureFlags features_for(VkImageUsageFlags usage) noexcept {
    VkFormatFeatureFlags features = 0;
    const auto needs = [&](VkImageUsageFlags bit, VkFormatFeatureFlags feature) {
        if (usage & bit)
            features |= feature;
    };
    needs(VK_IMAGE_USAGE_SAMPLED_BIT, VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT);
    needs(VK_IMAGE_USAGE_STORAGE_BIT, VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT);
    needs(VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT, VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT);
    needs(VK_IMAGE_USAGE_TRANSFER_SRC_BIT, VK_FORMAT_FEATURE_TRANSFER_SRC_BIT);
    needs(VK_IMAGE_USAGE_TRANSFER_DST_BIT, VK_FORMAT_FEATURE_TRANSFER_DST_BIT);
    return features;
}

// The formats of an image and of views of its single planes, which it takes
// VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT to make. None for a format of one plane.
class ViewFormats {
public:
    ViewFormats(const Context& context, VkFormat format) noexcept {
        const auto ycbcr = ycbcr_format(format);
        if (!ycbcr || ycbcr->planes.empty() || !context.has_format_list)
            return;
        formats_[count_++] = format;
        for (const VkFormat plane : ycbcr->planes)
            if (std::find(formats_.begin(), formats_.begin() + count_, plane) == formats_.begin() + count_)
                formats_[count_++] = plane;
    }
    bool empty() const noexcept { return count_ == 0; }
    // Valid as long as this object.
    VkImageFormatListCreateInfo list(const void* next) const noexcept {
        return {.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO,
                .pNext = next,
                .viewFormatCount = count_,
                .pViewFormats = formats_.data()};
    }

private:
    std::array<VkFormat, ImageLayout::max_planes + 1> formats_{};
    std::uint32_t count_ = 0;
};

VkImageCreateInfo image_info(const void* next, bool plane_views, VkFormat format, std::uint32_t width,
                             std::uint32_t height, VkImageUsageFlags usage) noexcept {
    return {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
            .pNext = next,
            .flags = plane_views ? VkImageCreateFlags{VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT} : 0,
            .imageType = VK_IMAGE_TYPE_2D,
            .format = format,
            .extent = {width, height, 1},
            .mipLevels = 1,
            .arrayLayers = 1,
            .samples = VK_SAMPLE_COUNT_1_BIT,
            .tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
            .usage = usage,
            .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
            .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED};
}

struct ImageSupport {
    VkExtent3D most{};
    VkExternalMemoryFeatureFlags external = 0;
};
// What the driver says of images with one modifier that are shared as dma-bufs; nothing where it has none.
// `views`: null, or the formats that views of them have.
std::optional<ImageSupport> image_support(const Context& context, VkFormat format, std::uint64_t modifier,
                                          VkImageUsageFlags usage, const ViewFormats* views) noexcept {
    const VkImageFormatListCreateInfo list = views ? views->list(nullptr) : VkImageFormatListCreateInfo{};
    const VkPhysicalDeviceImageDrmFormatModifierInfoEXT with_modifier{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
        .pNext = views ? &list : nullptr,
        .drmFormatModifier = modifier,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
    const VkPhysicalDeviceExternalImageFormatInfo shared{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
        .pNext = &with_modifier,
        .handleType = dma_buf_type};
    const VkPhysicalDeviceImageFormatInfo2 question{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .pNext = &shared,
        .format = format,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
        .usage = usage,
        .flags = views ? VkImageCreateFlags{VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT} : 0};
    VkExternalImageFormatProperties external{.sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES};
    VkImageFormatProperties2 answer{.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2, .pNext = &external};
    if (context.functions.GetPhysicalDeviceImageFormatProperties2(context.physical_device, &question,
                                                                  &answer) != VK_SUCCESS)
        return std::nullopt;
    return ImageSupport{answer.imageFormatProperties.maxExtent,
                        external.externalMemoryProperties.externalMemoryFeatures};
}

} // namespace

Result<std::vector<ModifierSupport>> modifiers_for(const Context& context, std::uint32_t drm_fourcc,
                                                   std::uint32_t width, std::uint32_t height,
                                                   VkImageUsageFlags usage) {
    if (usage == 0)
        return Error(ErrorKind::invalid, "an image is for some use");
    if (!context.has_modifiers)
        return no_modifiers(context);
    const VkFormat format = format_of_drm(drm_fourcc);
    if (format == VK_FORMAT_UNDEFINED)
        return no_format(context, drm_fourcc);
    const auto ycbcr = ycbcr_format(format);
    if (ycbcr && !ycbcr->takes(width, height))
        return Error(ErrorKind::incompatible, "using an image of a format")
            .doing(FixedText("using an image of format ", fourcc_name(drm_fourcc), " and ", width, "x",
                             height, " pixels"))
            .on(context.name)
            .remedy("Vulkan has images of this format with whole chroma samples only: an even width, and for "
                    "4:2:0 an even height; as a buffer it can be used all the same");
    const ViewFormats views(context, format);
    VkDrmFormatModifierPropertiesListEXT list{.sType =
                                                  VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT};
    VkFormatProperties2 properties{.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2, .pNext = &list};
    context.functions.GetPhysicalDeviceFormatProperties2(context.physical_device, format, &properties);
    std::vector<VkDrmFormatModifierPropertiesEXT> known(list.drmFormatModifierCount);
    list.pDrmFormatModifierProperties = known.data();
    context.functions.GetPhysicalDeviceFormatProperties2(context.physical_device, format, &properties);

    std::vector<ModifierSupport> supported;
    bool conversion_missing = false;
    for (const VkDrmFormatModifierPropertiesEXT& one : known) {
        const VkFormatFeatureFlags wanted = features_for(usage);
        if ((one.drmFormatModifierTilingFeatures & wanted) != wanted)
            continue;
        std::optional<ImageSupport> image;
        if (!views.empty())
            image = image_support(context, format, one.drmFormatModifier, usage, &views);
        const bool plane_views = image.has_value();
        if (!image)
            image = image_support(context, format, one.drmFormatModifier, usage, nullptr);
        if (!image || width > image->most.width || height > image->most.height)
            continue;
        if (ycbcr && (usage & VK_IMAGE_USAGE_SAMPLED_BIT) && !plane_views &&
            !context.enabled_features.sampler_ycbcr_conversion) {
            conversion_missing = true;
            continue;
        }
        const auto does = [&](VkExternalMemoryFeatureFlags feature) {
            return (image->external & feature) != 0;
        };
        supported.push_back({.modifier = one.drmFormatModifier,
                             .plane_count = one.drmFormatModifierPlaneCount,
                             .features = one.drmFormatModifierTilingFeatures,
                             .plane_views = plane_views,
                             .exportable = does(VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT),
                             .importable = does(VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT),
                             .dedicated_only = does(VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT)});
    }
    if (supported.empty())
        return conversion_missing ? no_conversion(context, drm_fourcc) : no_format(context, drm_fourcc);
    return supported;
}

Error refused_layout(const Context& context, VkResult result, const ImageLayout& layout,
                     const char* call) noexcept {
    constexpr auto doing = "importing an image";
    Error error = context.refused(result, doing, call);
    if (error.kind() == ErrorKind::unavailable)
        error = Error::from_vulkan(ErrorKind::incompatible, result, doing).call(call).on(context.name);
    if (!error.remedy().empty()) // too many open files: the layout is not to blame
        return error;
    return std::move(error).remedy(FixedText("the layout was: pitch ", layout.planes[0].stride, ", offset ",
                                             layout.planes[0].offset, ", modifier 0x")
                                       .append(layout.modifier, 16)
                                       .append("; a pitch the driver likes can be asked of the camera, and "
                                               "linear pixels can be used as a buffer as they are"));
}

Result<CreatedImage> create_explicit_image(const Context& context, const ImageLayout& layout,
                                           VkImageUsageFlags usage) {
    auto support = modifiers_for(context, layout.fourcc, layout.width, layout.height, usage);
    if (!support)
        return std::move(support).error();
    const auto found = std::find_if(support->begin(), support->end(), [&](const ModifierSupport& one) {
        return one.modifier == layout.modifier && one.importable;
    });
    if (layout.modifier == unknown_modifier)
        return Error(ErrorKind::invalid, "importing an image")
            .on(context.name)
            .remedy("its maker did not tell how its pixels lie (DRM_FORMAT_MOD_INVALID): ask it, or say that "
                    "they are "
                    "linear (ImageLayout::modifier = 0) if they are");
    if (found == support->end())
        return Error(ErrorKind::unsupported, "importing an image")
            .on(context.name)
            .call("vkGetPhysicalDeviceImageFormatProperties2")
            .remedy(FixedText("the driver imports no ", fourcc_name(layout.fourcc), " image with modifier 0x")
                        .append(layout.modifier, 16)
                        .append(" for this use; as a buffer it can be used when it is linear"));
    if (layout.plane_count > ImageLayout::max_planes || layout.plane_count != found->plane_count)
        return Error(ErrorKind::incompatible, "importing an image")
            .on(context.name)
            .remedy(FixedText("the layout has ", layout.plane_count, " planes, and the driver wants ",
                              found->plane_count));
    std::array<VkSubresourceLayout, ImageLayout::max_planes> planes{};
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        if (layout.planes[i].memory != 0)
            return Error(ErrorKind::unsupported,
                         "images whose planes are in several memories cannot be imported")
                .on(context.name);
        planes[i].offset = layout.planes[i].offset;
        planes[i].rowPitch = layout.planes[i].stride;
    }
    const VkImageDrmFormatModifierExplicitCreateInfoEXT exactly{
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
        .drmFormatModifier = layout.modifier,
        .drmFormatModifierPlaneCount = layout.plane_count,
        .pPlaneLayouts = planes.data()};
    const VkExternalMemoryImageCreateInfo shared{.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
                                                 .pNext = &exactly,
                                                 .handleTypes = dma_buf_type};
    CreatedImage made{.format = format_of_drm(layout.fourcc),
                      .dedicated_only = found->dedicated_only,
                      .plane_views = found->plane_views};
    const ViewFormats views(context, made.format);
    const VkImageFormatListCreateInfo list = views.list(&shared);
    const void* next = made.plane_views ? static_cast<const void*>(&list) : &shared;
    const VkImageCreateInfo info =
        image_info(next, made.plane_views, made.format, layout.width, layout.height, usage);
    if (const VkResult result = context.functions.CreateImage(context.device, &info, nullptr, &made.image);
        result != VK_SUCCESS)
        return refused_layout(context, result, layout, "vkCreateImage");
    return made;
}

Result<CreatedImage> create_image(const Context& context, const ImageRequest& request,
                                  const std::vector<ModifierSupport>& possible, VkImageUsageFlags usage) {
    std::vector<std::uint64_t> modifiers;
    for (const ModifierSupport& one : possible)
        modifiers.push_back(one.modifier);
    const VkImageDrmFormatModifierListCreateInfoEXT one_of{
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
        .drmFormatModifierCount = static_cast<std::uint32_t>(modifiers.size()),
        .pDrmFormatModifiers = modifiers.data()};
    const VkExternalMemoryImageCreateInfo shared{.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
                                                 .pNext = &one_of,
                                                 .handleTypes = dma_buf_type};
    // The flag is for whichever modifier the driver takes.
    CreatedImage made{.format = format_of_drm(request.fourcc),
                      .plane_views = std::all_of(possible.begin(), possible.end(),
                                                 [](const ModifierSupport& one) { return one.plane_views; })};
    const ViewFormats views(context, made.format);
    const VkImageFormatListCreateInfo list = views.list(&shared);
    const void* next = made.plane_views ? static_cast<const void*>(&list) : &shared;
    const VkImageCreateInfo info =
        image_info(next, made.plane_views, made.format, request.width, request.height, usage);
    if (const VkResult result = context.functions.CreateImage(context.device, &info, nullptr, &made.image);
        result != VK_SUCCESS)
        return context.refused(result, "allocating an image", "vkCreateImage");
    return made;
}

Result<ImageLayout> layout_of(const Context& context, VkImage image, const ImageRequest& request,
                              const std::vector<ModifierSupport>& support, VkDeviceSize memory_size) {
    VkImageDrmFormatModifierPropertiesEXT chosen{
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT};
    if (const VkResult result =
            context.functions.GetImageDrmFormatModifierPropertiesEXT(context.device, image, &chosen);
        result != VK_SUCCESS)
        return context.refused(result, "allocating an image", "vkGetImageDrmFormatModifierPropertiesEXT");
    const auto found = std::find_if(support.begin(), support.end(), [&](const ModifierSupport& one) {
        return one.modifier == chosen.drmFormatModifier;
    });
    if (found == support.end() || found->plane_count > ImageLayout::max_planes)
        return Error(ErrorKind::incompatible, "the driver chose a modifier that it did not offer")
            .on(context.name);
    ImageLayout layout{.fourcc = request.fourcc,
                       .modifier = chosen.drmFormatModifier,
                       .width = request.width,
                       .height = request.height,
                       .plane_count = found->plane_count,
                       .memory_count = 1};
    layout.memory_sizes[0] = memory_size;
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        const VkImageSubresource plane{.aspectMask = static_cast<VkImageAspectFlags>(memory_planes[i])};
        VkSubresourceLayout where{};
        context.functions.GetImageSubresourceLayout(context.device, image, &plane, &where);
        if (where.rowPitch > UINT32_MAX)
            return Error(ErrorKind::limit, "the stride of the image does not fit").on(context.name);
        layout.planes[i] = {0, where.offset, static_cast<std::uint32_t>(where.rowPitch), where.size};
    }
    return layout;
}

} // namespace hwalloc::vulkan::detail
