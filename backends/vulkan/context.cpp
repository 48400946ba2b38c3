#include "backends/vulkan/context.h"

#include <algorithm>

#include "backends/vulkan/physical_device.h"
#include "backends/vulkan/result.h"

namespace hwalloc::vulkan::detail {

Context::~Context() {
    if (owned && device && of_this_process())
        functions.DestroyDevice(device, nullptr);
}

Error Context::refused(VkResult result, const char* doing, const char* call) const noexcept {
    if (result == VK_ERROR_DEVICE_LOST)
        lost_.store(true, std::memory_order_relaxed);
    return detail::refused(result, doing, call).on(name);
}

Result<void> Context::check_process() const noexcept {
    if (of_this_process()) [[likely]]
        return {};
    return inherited(name);
}

Result<void> Context::examine(std::span<const char* const> extensions) noexcept {
    VkPhysicalDeviceMaintenance3Properties maintenance{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
    VkPhysicalDeviceProperties2 properties{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                           .pNext = &maintenance};
    functions.GetPhysicalDeviceProperties2(physical_device, &properties);
    limits = properties.properties.limits;
    max_allocation = maintenance.maxMemoryAllocationSize;
    functions.GetPhysicalDeviceMemoryProperties(physical_device, &memory);
    const auto required = required_device_extensions();
    has_dma_buf = std::all_of(required.begin(), required.end(),
                              [&](const char* one) { return contains(extensions, one); }) &&
                  functions.GetMemoryFdKHR && functions.GetMemoryFdPropertiesKHR;
    has_modifiers = has_dma_buf && contains(extensions, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME) &&
                    functions.GetImageDrmFormatModifierPropertiesEXT;
    has_format_list =
        api_version >= VK_API_VERSION_1_2 || contains(extensions, VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME);
    has_foreign = contains(extensions, VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME);
    has_budget = contains(extensions, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    return examine_buffers();
}

Result<VkBuffer> Context::create_buffer(VkDeviceSize size, bool with_dma_buf) const noexcept {
    if (auto own = check_process(); !own)
        return std::move(own).error();
    const VkExternalMemoryBufferCreateInfo shared{
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = dma_buf_type};
    const VkBufferCreateInfo info{.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                  .pNext = with_dma_buf ? &shared : nullptr,
                                  .size = size,
                                  .usage = buffer_usage,
                                  .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
    VkBuffer buffer = VK_NULL_HANDLE;
    if (const VkResult result = functions.CreateBuffer(device, &info, nullptr, &buffer); result != VK_SUCCESS)
        return refused(result, "making a Vulkan buffer", "vkCreateBuffer").wanted(size);
    return buffer;
}

namespace {

constexpr VkDeviceSize round_up(VkDeviceSize size, VkDeviceSize unit) noexcept {
    return (size + unit - 1) / unit * unit;
}

Result<VkMemoryRequirements> requirements_of(const Context& context, VkDeviceSize size,
                                             bool with_dma_buf) noexcept {
    auto buffer = context.create_buffer(size, with_dma_buf);
    if (!buffer)
        return std::move(buffer).error();
    VkMemoryRequirements needs{};
    context.functions.GetBufferMemoryRequirements(context.device, *buffer, &needs);
    context.functions.DestroyBuffer(context.device, *buffer, nullptr);
    return needs;
}

} // namespace

Result<VkDeviceSize> Context::buffer_needs(VkDeviceSize size, bool with_dma_buf) const noexcept {
    if (size == 0 || !rounds_buffers)
        return size;
    if (size > UINT64_MAX - buffer_alignment)
        return Error(ErrorKind::limit, "the size does not fit");
    if (!pads_buffers)
        return round_up(size, buffer_alignment);
    auto needs = requirements_of(*this, size, with_dma_buf);
    if (!needs)
        return std::move(needs).error();
    return needs->size;
}

Result<void> Context::examine_buffers() noexcept {
    // The first shows whether sizes are rounded up at all. Mesa's PowerVR adds to a buffer that ends at a
    // page's end, whichever size its pages have; other drivers round up to more than the alignment.
    for (const VkDeviceSize size : {12345u, 4096u, 16384u, 65536u, 69628u}) {
        auto needs = requirements_of(*this, size, false);
        if (!needs)
            return std::move(needs).error();
        buffer_types = needs->memoryTypeBits;
        buffer_alignment = std::max<VkDeviceSize>(needs->alignment, 1);
        rounds_buffers = rounds_buffers || needs->size > size;
        pads_buffers = pads_buffers || needs->size > round_up(size, buffer_alignment);
    }
    if (!has_dma_buf)
        return {};
    const VkPhysicalDeviceExternalBufferInfo question{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = buffer_usage,
        .handleType = dma_buf_type};
    VkExternalBufferProperties answer{.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    functions.GetPhysicalDeviceExternalBufferProperties(physical_device, &question, &answer);
    const auto features = answer.externalMemoryProperties.externalMemoryFeatures;
    external = {.exportable = (features & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT) != 0,
                .importable = (features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0,
                .dedicated_only = (features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) != 0};
    return {};
}

int Context::mappable_type(std::uint32_t bits) const noexcept {
    int best = -1, best_score = -1;
    for (std::uint32_t type = 0; type < memory.memoryTypeCount; ++type) {
        const VkMemoryPropertyFlags flags = flags_of(type);
        // Lazily allocated and protected memory, and what needs a vendor's feature, is not for sharing.
        constexpr VkMemoryPropertyFlags plain =
            VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
            VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
        if (!(bits >> type & 1) || (flags & ~plain))
            continue;
        const int score = (flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT ? 8 : 0) +
                          (flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT ? 4 : 0) +
                          (flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT ? 2 : 0) +
                          (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT ? 1 : 0);
        if (score > best_score) {
            best = static_cast<int>(type);
            best_score = score;
        }
    }
    return best;
}

} // namespace hwalloc::vulkan::detail
