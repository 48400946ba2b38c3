// Pictures on the made-up driver with dma-bufs (fake_dma_buf_driver.h), which has them as any driver with
// VK_EXT_image_drm_format_modifier: what is asked for is kept and answered; below, each is a small linear
// image of one byte for each pixel, which nobody looks at.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "hwalloc/image_layout.h"
#include "tests/vulkan/driver_watch.h"

namespace hwalloc::vulkan::testing {

class FakeImages {
public:
    explicit FakeImages(DriverWatch& watch) {
        watch.format_properties = [this](VkFormat format, VkFormatProperties2& answer) {
            tell_modifiers(format, answer);
        };
        watch.image_format_properties = [this](const VkPhysicalDeviceImageFormatInfo2& question,
                                               VkImageFormatProperties2& answer) {
            return judge(question, answer);
        };
        watch.create_image = [this](PFN_vkCreateImage next, VkDevice device, const VkImageCreateInfo& info,
                                    VkImage* out) { return create(next, device, info, out); };
        watch.create_conversion = [this](const VkSamplerYcbcrConversionCreateInfo& info,
                                         VkSamplerYcbcrConversion* out) {
            conversions.push_back(info);
            std::uint64_t handle = 0x1000 + conversions.size();
            static_assert(sizeof(*out) == sizeof(handle));
            std::memcpy(out, &handle, sizeof(handle));
            return VK_SUCCESS;
        };
        watch.image_modifier = [](VkImage, VkImageDrmFormatModifierPropertiesEXT& answer) {
            answer.drmFormatModifier = linear_modifier;
            return VK_SUCCESS;
        };
        watch.subresource_layout = [](VkImage, const VkImageSubresource&, VkSubresourceLayout& answer) {
            answer = {.offset = 0, .size = 65536, .rowPitch = 256, .arrayPitch = 0, .depthPitch = 0};
        };
    }

    // The layout of an image that was imported, plane by plane.
    struct Asked {
        VkImageCreateFlags flags = 0;
        VkFormat format = VK_FORMAT_UNDEFINED;
        std::vector<VkFormat> views{}; // of VkImageFormatListCreateInfo
        std::vector<VkSubresourceLayout> planes{};
    };
    std::vector<Asked> asked;

    std::vector<VkSamplerYcbcrConversionCreateInfo> conversions;

    // Habits: a pitch that it cannot have is refused with this.
    std::uint64_t pitch_unit = 1;
    VkResult pitch_refusal = VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT;
    // Flags that it knows for no image with a modifier.
    VkImageCreateFlags refused_flags = 0;
    VkFormatFeatureFlags features = ~VkFormatFeatureFlags{0};

private:
    static std::uint32_t planes_of(VkFormat format) {
        switch (format) {
        case VK_FORMAT_G8_B8R8_2PLANE_420_UNORM:
        case VK_FORMAT_G8_B8R8_2PLANE_422_UNORM:
            return 2;
        case VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM:
        case VK_FORMAT_G8_B8_R8_3PLANE_422_UNORM:
            return 3;
        default:
            return 1;
        }
    }

    void tell_modifiers(VkFormat format, VkFormatProperties2& answer) const {
        auto* list = static_cast<VkDrmFormatModifierPropertiesListEXT*>(answer.pNext);
        if (list->pDrmFormatModifierProperties && list->drmFormatModifierCount > 0)
            list->pDrmFormatModifierProperties[0] = {.drmFormatModifier = linear_modifier,
                                                     .drmFormatModifierPlaneCount = planes_of(format),
                                                     .drmFormatModifierTilingFeatures = features};
        list->drmFormatModifierCount = 1;
    }

    VkResult judge(const VkPhysicalDeviceImageFormatInfo2& question, VkImageFormatProperties2& answer) const {
        if (question.flags & refused_flags)
            return VK_ERROR_FORMAT_NOT_SUPPORTED;
        answer.imageFormatProperties.maxExtent = {16384, 16384, 1};
        static_cast<VkExternalImageFormatProperties*>(answer.pNext)
            ->externalMemoryProperties.externalMemoryFeatures =
            VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT | VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
        return VK_SUCCESS;
    }

    VkResult create(PFN_vkCreateImage next, VkDevice device, const VkImageCreateInfo& info, VkImage* out) {
        Asked image{.flags = info.flags, .format = info.format};
        if (const auto* list = find_in_chain<VkImageFormatListCreateInfo>(
                info.pNext, VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO))
            image.views.assign(list->pViewFormats, list->pViewFormats + list->viewFormatCount);
        if (const auto* exactly = find_in_chain<VkImageDrmFormatModifierExplicitCreateInfoEXT>(
                info.pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT))
            image.planes.assign(exactly->pPlaneLayouts,
                                exactly->pPlaneLayouts + exactly->drmFormatModifierPlaneCount);
        asked.push_back(image);
        if (std::any_of(image.planes.begin(), image.planes.end(),
                        [&](const VkSubresourceLayout& one) { return one.rowPitch % pitch_unit != 0; }))
            return pitch_refusal;
        VkImageCreateInfo plain = info;
        plain.pNext = nullptr;
        plain.flags = 0;
        plain.format = VK_FORMAT_R8_UNORM;
        plain.tiling = VK_IMAGE_TILING_LINEAR;
        return next(device, &plain, nullptr, out);
    }
};

} // namespace hwalloc::vulkan::testing
