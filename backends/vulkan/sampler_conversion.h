// The conversion that sampling a Y'CbCr image takes (Vulkan, "Sampler Y'CBCR Conversion").
#pragma once

#include <memory>

#include "backends/vulkan/context.h"

namespace hwalloc::vulkan::detail {

// What is behind a SamplerConversion.
struct ConversionBinding {
    ConversionBinding() noexcept = default;
    ConversionBinding(const ConversionBinding&) = delete;
    ConversionBinding& operator=(const ConversionBinding&) = delete;
    ~ConversionBinding();

    std::shared_ptr<Context> context;
    VkSamplerYcbcrConversion conversion = VK_NULL_HANDLE;
    VkSamplerYcbcrConversionCreateInfo info{};
};

// Errors: see Device::sampler_conversion().
Result<std::shared_ptr<const ConversionBinding>> create_conversion(Context& context,
                                                                   const ImageLayout& layout,
                                                                   const ChromaSiting& siting,
                                                                   VkFilter filter) noexcept;

} // namespace hwalloc::vulkan::detail
