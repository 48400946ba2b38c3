#include "tools/gpu/converter.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <vector>

#include "shaders/convert.comp.h"

namespace hwalloc::tools {
namespace {

// convert.comp: the pixels of an invocation, and the invocations of a workgroup.
constexpr std::uint32_t pixels_across = 4 * 8, rows_down = 8;

std::int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Error refused(const vulkan::Device& device, VkResult result, const char* call) {
    const ErrorKind kind = result == VK_ERROR_DEVICE_LOST            ? ErrorKind::device_lost
                           : result == VK_ERROR_OUT_OF_HOST_MEMORY   ? ErrorKind::exhausted
                           : result == VK_ERROR_OUT_OF_DEVICE_MEMORY ? ErrorKind::exhausted
                                                                     : ErrorKind::unsupported;
    return Error::from_vulkan(kind, result, "converting frames on the GPU").call(call).on(device.name());
}

// The part of a buffer that a shader sees: descriptors begin at multiples of a step.
struct Window {
    VkDescriptorBufferInfo info;
    std::uint32_t offset; // of the first byte wanted, in it
};

} // namespace

struct Converter::Objects {
    struct Slot {
        vulkan::Buffer camera, picture;
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
    Result<VkPipeline> pipeline_for(bool in_words);
    Result<void> make_slots(std::uint32_t count);
    Result<void> make_clock();
    Result<Window> window_of(const vulkan::Buffer& buffer, std::uint64_t offset, std::uint64_t bytes) const;
    Result<void> record(std::uint32_t index, const ConversionParameters& parameters, VkPipeline pipeline);

    vulkan::Device device;
    VkDevice vk;
    Conversion conversion;
    PixelOrder order = PixelOrder::rgba;
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

Result<void> Converter::Objects::make_layout() {
    const auto storage_at = [](std::uint32_t binding) {
        return VkDescriptorSetLayoutBinding{.binding = binding,
                                            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                            .descriptorCount = 1,
                                            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                            .pImmutableSamplers = nullptr};
    };
    const std::array bindings{storage_at(0), storage_at(1)};
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

Result<VkPipeline> Converter::Objects::pipeline_for(bool in_words) {
    VkPipeline& pipeline = pipelines[in_words ? 1 : 0];
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
    const std::array<std::uint32_t, 3> constants{static_cast<std::uint32_t>(conversion.format),
                                                 order == PixelOrder::bgra ? VK_TRUE : VK_FALSE,
                                                 in_words ? VK_TRUE : VK_FALSE};
    const std::array<VkSpecializationMapEntry, 3> entries{{{0, 0, 4}, {1, 4, 4}, {2, 8, 4}}};
    const VkSpecializationInfo special{entries.size(), entries.data(), sizeof constants, constants.data()};
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
    const VkDescriptorPoolSize buffers{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 2 * count};
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

Result<Window> Converter::Objects::window_of(const vulkan::Buffer& buffer, std::uint64_t offset,
                                             std::uint64_t bytes) const {
    // In whole words of 4 bytes, which is how the shader reads and writes.
    const std::uint64_t first = buffer.offset() + offset, start = first / step * step;
    const std::uint64_t range = (first - start + bytes + 3) / 4 * 4;
    if (offset > buffer.size() || start + range > buffer.offset() + buffer.size())
        return Error(ErrorKind::incompatible, "the memory is smaller than what the GPU reads or writes of it")
            .on(device.name())
            .wanted(start + range - buffer.offset())
            .held(buffer.size());
    if (range > most)
        return Error(ErrorKind::limit, "the GPU cannot see a whole frame of that size at once")
            .on(device.name())
            .wanted(range)
            .held(most);
    return Window{{buffer.handle(), start, range}, static_cast<std::uint32_t>(first - start)};
}

Result<void> Converter::Objects::record(std::uint32_t index, const ConversionParameters& parameters,
                                        VkPipeline pipeline) {
    const Slot& slot = slots[index];
    const VkCommandBufferBeginInfo begin{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                         .pNext = nullptr,
                                         .flags = 0,
                                         .pInheritanceInfo = nullptr};
    if (auto result = vkBeginCommandBuffer(slot.commands, &begin))
        return refused(device, result, "vkBeginCommandBuffer");
    // Whoever has the memory in between is no stage of this queue: anything may have come before, the CPU
    // too.
    constexpr VkPipelineStageFlags outside = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT | VK_PIPELINE_STAGE_HOST_BIT;
    const auto hand_over = [&](VkPipelineStageFlags from, VkPipelineStageFlags to,
                               const std::array<VkBufferMemoryBarrier, 2>& barriers) {
        vkCmdPipelineBarrier(slot.commands, from, to, 0, 0, nullptr, 2, barriers.data(), 0, nullptr);
    };
    if (clock) {
        vkCmdResetQueryPool(slot.commands, clock, 0, 2);
        vkCmdWriteTimestamp(slot.commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, clock, 0);
    }
    hand_over(outside, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
              {device.acquire_barrier(slot.camera, VK_ACCESS_SHADER_READ_BIT),
               device.acquire_barrier(slot.picture, VK_ACCESS_SHADER_WRITE_BIT)});
    vkCmdBindPipeline(slot.commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(slot.commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &slot.descriptors, 0,
                            nullptr);
    vkCmdPushConstants(slot.commands, layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof parameters, &parameters);
    vkCmdDispatch(slot.commands, (parameters.width + pixels_across - 1) / pixels_across,
                  (parameters.height + rows_down - 1) / rows_down, 1);
    hand_over(VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, outside,
              {device.release_barrier(slot.camera, VK_ACCESS_SHADER_READ_BIT),
               device.release_barrier(slot.picture, VK_ACCESS_SHADER_WRITE_BIT)});
    // For a CPU that maps the picture: no barrier of the device speaks of it where the memory is its own.
    const VkMemoryBarrier to_host{.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                  .pNext = nullptr,
                                  .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                  .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    vkCmdPipelineBarrier(slot.commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0,
                         1, &to_host, 0, nullptr, 0, nullptr);
    if (clock)
        vkCmdWriteTimestamp(slot.commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, clock, 1);
    if (auto result = vkEndCommandBuffer(slot.commands))
        return refused(device, result, "vkEndCommandBuffer");
    return {};
}

Result<Converter> Converter::make(const vulkan::Device& device, const ImageLayout& layout, PixelOrder order,
                                  std::uint32_t picture_pitch, std::uint32_t slots) {
    auto conversion = make_conversion(layout, picture_pitch);
    if (!conversion)
        return Error(conversion.error()).on(device.name());
    if (device.queue() == VK_NULL_HANDLE)
        return Error(ErrorKind::unsupported, "converting frames needs a queue of the GPU").on(device.name());
    auto objects = std::make_unique<Objects>(device);
    objects->conversion = *conversion;
    objects->order = order;
    if (auto made = objects->make_layout(); !made)
        return std::move(made).error();
    if (auto made = objects->make_slots(slots); !made)
        return std::move(made).error();
    if (auto made = objects->make_clock(); !made)
        return std::move(made).error();
    return Converter(std::move(objects));
}

Converter::Converter(std::unique_ptr<Objects> objects) noexcept : objects_(std::move(objects)) {}
Converter::~Converter() = default;
Converter::Converter(Converter&&) noexcept = default;
Converter& Converter::operator=(Converter&&) noexcept = default;

std::uint64_t Converter::picture_bytes() const noexcept {
    return objects_->conversion.picture_bytes;
}

Result<void> Converter::prepare(std::uint32_t slot, const vulkan::Buffer& camera,
                                const vulkan::Buffer& picture, std::uint64_t frame_offset,
                                std::uint64_t picture_offset) {
    Objects& o = *objects_;
    if (slot >= o.slots.size())
        return Error(ErrorKind::invalid, "there is no such slot for a conversion");
    auto source = o.window_of(camera, frame_offset, o.conversion.frame_bytes);
    if (!source)
        return std::move(source).error();
    auto target = o.window_of(picture, picture_offset, o.conversion.picture_bytes);
    if (!target)
        return std::move(target).error();
    if (target->offset % 4)
        return Error(ErrorKind::invalid, "the picture's memory begins at no multiple of 4 bytes");
    auto pipeline = o.pipeline_for(o.conversion.in_words && source->offset % 4 == 0);
    if (!pipeline)
        return std::move(pipeline).error();
    ConversionParameters parameters = o.conversion.parameters;
    parameters.luma_offset += source->offset;
    parameters.chroma_offset += source->offset;
    parameters.last_word = static_cast<std::uint32_t>(source->info.range / 4 - 1);
    parameters.picture_offset = target->offset / 4;

    Objects::Slot& at = o.slots[slot];
    at.camera = camera;
    at.picture = picture;
    std::array<VkWriteDescriptorSet, 2> writes{};
    for (std::uint32_t binding = 0; binding < 2; ++binding) {
        writes[binding].sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
        writes[binding].dstSet = at.descriptors;
        writes[binding].dstBinding = binding;
        writes[binding].descriptorCount = 1;
        writes[binding].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
        writes[binding].pBufferInfo = binding == 0 ? &source->info : &target->info;
    }
    vkUpdateDescriptorSets(o.vk, writes.size(), writes.data(), 0, nullptr);
    auto recorded = o.record(slot, parameters, *pipeline);
    if (!recorded)
        at.camera = {}; // nothing that could run
    return recorded;
}

Result<Converter::Times> Converter::run(std::uint32_t slot) {
    Objects& o = *objects_;
    if (slot >= o.slots.size() || !o.slots[slot].camera)
        return Error(ErrorKind::invalid, "there is nothing prepared to be converted");
    if (auto result = vkResetFences(o.vk, 1, &o.done))
        return refused(o.device, result, "vkResetFences");
    const VkSubmitInfo submit{.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                              .pNext = nullptr,
                              .waitSemaphoreCount = 0,
                              .pWaitSemaphores = nullptr,
                              .pWaitDstStageMask = nullptr,
                              .commandBufferCount = 1,
                              .pCommandBuffers = &o.slots[slot].commands,
                              .signalSemaphoreCount = 0,
                              .pSignalSemaphores = nullptr};
    const std::int64_t began = now_ns();
    {
        const auto lock = o.device.queue_lock();
        if (auto result = vkQueueSubmit(o.device.queue(), 1, &submit, o.done))
            return refused(o.device, result, "vkQueueSubmit");
    }
    // A GPU that hangs is reset by its driver, which ends this with "device lost".
    if (auto result = vkWaitForFences(o.vk, 1, &o.done, VK_TRUE, UINT64_MAX))
        return refused(o.device, result, "vkWaitForFences");
    Times times;
    times.wait_ns = now_ns() - began;
    if (o.clock) {
        std::array<std::uint64_t, 2> ticks{};
        const VkResult result = vkGetQueryPoolResults(o.vk, o.clock, 0, 2, sizeof ticks, ticks.data(),
                                                      sizeof ticks[0], VK_QUERY_RESULT_64_BIT);
        if (result == VK_SUCCESS)
            times.gpu_ns = static_cast<std::int64_t>(
                static_cast<double>((ticks[1] - ticks[0]) & o.tick_mask) * o.tick_ns);
    }
    return times;
}

} // namespace hwalloc::tools
