#include "tools/gpu/converter_objects.h"

#include <algorithm>

#include "shaders/convert.comp.h"

namespace hwalloc::tools {

Error refused(const vulkan::Device& device, VkResult result, const char* call) {
    const ErrorKind kind = result == VK_ERROR_DEVICE_LOST            ? ErrorKind::device_lost
                           : result == VK_ERROR_OUT_OF_HOST_MEMORY   ? ErrorKind::exhausted
                           : result == VK_ERROR_OUT_OF_DEVICE_MEMORY ? ErrorKind::exhausted
                                                                     : ErrorKind::unsupported;
    return Error::from_vulkan(kind, result, "converting frames on the GPU").call(call).on(device.name());
}

Result<void> Converter::Objects::make_layout() {
    const auto storage_at = [](std::uint32_t binding) {
        return VkDescriptorSetLayoutBinding{.binding = binding,
                                            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                            .descriptorCount = 1,
                                            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                            .pImmutableSamplers = nullptr};
    };
    const std::array bindings{storage_at(0), storage_at(1), storage_at(2), storage_at(3)};
    const VkDescriptorSetLayoutCreateInfo sets{.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                               .pNext = nullptr,
                                               .flags = 0,
                                               .bindingCount = bindings.size(),
                                               .pBindings = bindings.data()};
    if (auto result = vkCreateDescriptorSetLayout(vk, &sets, nullptr, &set_layout))
        return refused(device, result, "vkCreateDescriptorSetLayout");
    const VkPushConstantRange pushed{VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(ConversionParameters)};
    const VkPipelineLayoutCreateInfo layouts{.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                             .pNext = nullptr,
                                             .flags = 0,
                                             .setLayoutCount = 1,
                                             .pSetLayouts = &set_layout,
                                             .pushConstantRangeCount = 1,
                                             .pPushConstantRanges = &pushed};
    if (auto result = vkCreatePipelineLayout(vk, &layouts, nullptr, &layout))
        return refused(device, result, "vkCreatePipelineLayout");
    return {};
}

Result<VkPipeline> Converter::Objects::pipeline_for(bool rows_at_words) {
    VkPipeline& pipeline = pipelines[rows_at_words ? 1 : 0];
    if (pipeline)
        return pipeline;
    const VkShaderModuleCreateInfo code{.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                        .pNext = nullptr,
                                        .flags = 0,
                                        .codeSize = sizeof hwalloc_shaders::convert_comp,
                                        .pCode = hwalloc_shaders::convert_comp};
    VkShaderModule shader = VK_NULL_HANDLE;
    if (auto result = vkCreateShaderModule(vk, &code, nullptr, &shader))
        return refused(device, result, "vkCreateShaderModule");
    ConversionConstants constants = conversion.constants;
    constants.rows_at_words = rows_at_words ? VK_TRUE : VK_FALSE;
    std::array<VkSpecializationMapEntry, sizeof constants / sizeof(std::uint32_t)> entries{};
    for (std::uint32_t i = 0; i < entries.size(); ++i)
        entries[i] = {i, i * static_cast<std::uint32_t>(sizeof(std::uint32_t)), sizeof(std::uint32_t)};
    const VkSpecializationInfo special{entries.size(), entries.data(), sizeof constants, &constants};
    const VkComputePipelineCreateInfo wanted{
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .pNext = nullptr,
        .flags = 0,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = nullptr,
                  .flags = 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = shader,
                  .pName = "main",
                  .pSpecializationInfo = &special},
        .layout = layout,
        .basePipelineHandle = VK_NULL_HANDLE,
        .basePipelineIndex = 0};
    const VkResult result = vkCreateComputePipelines(vk, VK_NULL_HANDLE, 1, &wanted, nullptr, &pipeline);
    vkDestroyShaderModule(vk, shader, nullptr);
    if (result != VK_SUCCESS)
        return refused(device, result, "vkCreateComputePipelines");
    return pipeline;
}

Result<void> Converter::Objects::make_slots(std::uint32_t count) {
    const VkDescriptorPoolSize buffers{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 4 * count};
    const VkDescriptorPoolCreateInfo sets{.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                          .pNext = nullptr,
                                          .flags = 0,
                                          .maxSets = count,
                                          .poolSizeCount = 1,
                                          .pPoolSizes = &buffers};
    if (auto result = vkCreateDescriptorPool(vk, &sets, nullptr, &descriptor_pool))
        return refused(device, result, "vkCreateDescriptorPool");
    const VkCommandPoolCreateInfo commands{.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                           .pNext = nullptr,
                                           .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                           .queueFamilyIndex = device.queue_family()};
    if (auto result = vkCreateCommandPool(vk, &commands, nullptr, &command_pool))
        return refused(device, result, "vkCreateCommandPool");
    const VkFenceCreateInfo fence{.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, .pNext = nullptr, .flags = 0};
    if (auto result = vkCreateFence(vk, &fence, nullptr, &done))
        return refused(device, result, "vkCreateFence");
    slots.resize(count);
    for (Slot& slot : slots) {
        const VkDescriptorSetAllocateInfo set{.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .pNext = nullptr,
                                              .descriptorPool = descriptor_pool,
                                              .descriptorSetCount = 1,
                                              .pSetLayouts = &set_layout};
        if (auto result = vkAllocateDescriptorSets(vk, &set, &slot.descriptors))
            return refused(device, result, "vkAllocateDescriptorSets");
        const VkCommandBufferAllocateInfo buffer{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                 .pNext = nullptr,
                                                 .commandPool = command_pool,
                                                 .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                 .commandBufferCount = 1};
        if (auto result = vkAllocateCommandBuffers(vk, &buffer, &slot.commands))
            return refused(device, result, "vkAllocateCommandBuffers");
    }
    return {};
}

Result<void> Converter::Objects::make_clock() {
    VkPhysicalDeviceProperties properties{};
    vkGetPhysicalDeviceProperties(device.physical_device(), &properties);
    step = std::max<std::uint64_t>(4, properties.limits.minStorageBufferOffsetAlignment);
    most = properties.limits.maxStorageBufferRange;

    std::uint32_t count = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(device.physical_device(), &count, nullptr);
    std::vector<VkQueueFamilyProperties> families(count);
    vkGetPhysicalDeviceQueueFamilyProperties(device.physical_device(), &count, families.data());
    const std::uint32_t bits =
        device.queue_family() < count ? families[device.queue_family()].timestampValidBits : 0;
    if (bits == 0)
        return {};
    tick_ns = properties.limits.timestampPeriod;
    tick_mask = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    const VkQueryPoolCreateInfo queries{.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .pNext = nullptr,
                                        .flags = 0,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = 2,
                                        .pipelineStatistics = 0};
    if (auto result = vkCreateQueryPool(vk, &queries, nullptr, &clock))
        return refused(device, result, "vkCreateQueryPool");
    return {};
}

} // namespace hwalloc::tools
