// The Vulkan objects of a Converter: made once, destroyed together.
#pragma once

#include <array>
#include <vector>

#include "tools/gpu/converter.h"

namespace hwalloc::tools {

// What a call of Vulkan answered, as an error.
Error refused(const vulkan::Device& device, VkResult result, const char* call);

// The part of a buffer that a shader sees: descriptors begin at multiples of a step.
struct Window {
    VkDescriptorBufferInfo info;
    std::uint32_t offset; // of the first byte wanted, in it
};

struct Converter::Objects {
    struct Slot {
        std::array<vulkan::Buffer, 3> camera; // as many memories as a frame has
        vulkan::Buffer picture;
        VkCommandBuffer commands = VK_NULL_HANDLE;
        VkDescriptorSet descriptors = VK_NULL_HANDLE;
    };

    explicit Objects(const vulkan::Device& gpu) : device(gpu), vk(gpu.device()) {}
    Objects(const Objects&) = delete;
    Objects& operator=(const Objects&) = delete;
    // run() has waited for whatever was submitted. Destroying what was never made is allowed.
    ~Objects() {
        vkDestroyQueryPool(vk, clock, nullptr);
        vkDestroyFence(vk, done, nullptr);
        vkDestroyCommandPool(vk, command_pool, nullptr);
        vkDestroyDescriptorPool(vk, descriptor_pool, nullptr);
        for (VkPipeline pipeline : pipelines)
            vkDestroyPipeline(vk, pipeline, nullptr);
        vkDestroyPipelineLayout(vk, layout, nullptr);
        vkDestroyDescriptorSetLayout(vk, set_layout, nullptr);
    }

    Result<void> make_layout();
    Result<VkPipeline> pipeline_for(bool rows_at_words);
    Result<void> make_slots(std::uint32_t count);
    Result<void> make_clock();
    Result<Window> window_of(const vulkan::Buffer& buffer, std::uint64_t offset, std::uint64_t bytes) const;
    Result<void> record(std::uint32_t index, const ConversionParameters& parameters, VkPipeline pipeline);

    vulkan::Device device;
    VkDevice vk;
    Conversion conversion;
    std::uint64_t step = 4, most = 0; // of descriptors: alignment and range
    VkDescriptorSetLayout set_layout = VK_NULL_HANDLE;
    VkPipelineLayout layout = VK_NULL_HANDLE;
    std::array<VkPipeline, 2> pipelines{}; // [1]: for frames whose rows all begin at words
    VkDescriptorPool descriptor_pool = VK_NULL_HANDLE;
    VkCommandPool command_pool = VK_NULL_HANDLE;
    VkFence done = VK_NULL_HANDLE;
    VkQueryPool clock = VK_NULL_HANDLE; // none where the queue has no timestamps
    double tick_ns = 0;
    std::uint64_t tick_mask = 0;
    std::vector<Slot> slots;
};

} // namespace hwalloc::tools
