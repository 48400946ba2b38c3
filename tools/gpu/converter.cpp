#include "tools/gpu/converter.h"

#include <array>

#include "tools/capture/clock.h"
#include "tools/gpu/converter_objects.h"

namespace hwalloc::tools {
namespace {

// convert.comp: the pixels of an invocation, and the invocations of a workgroup.
constexpr std::uint32_t pixels_across = 4 * 8, rows_down = 8;

} // namespace

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
    const std::uint32_t memories = conversion.memory_count;
    const auto hand_over = [&](VkPipelineStageFlags from, VkPipelineStageFlags to, auto&& barrier) {
        std::array<VkBufferMemoryBarrier, 4> barriers{};
        for (std::uint32_t i = 0; i < memories; ++i)
            barriers[i] = barrier(slot.camera[i], VK_ACCESS_SHADER_READ_BIT);
        barriers[memories] = barrier(slot.picture, VK_ACCESS_SHADER_WRITE_BIT);
        vkCmdPipelineBarrier(slot.commands, from, to, 0, 0, nullptr, memories + 1, barriers.data(), 0,
                             nullptr);
    };
    if (clock) {
        vkCmdResetQueryPool(slot.commands, clock, 0, 2);
        vkCmdWriteTimestamp(slot.commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, clock, 0);
    }
    hand_over(outside, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
              [&](const vulkan::Buffer& buffer, VkAccessFlags access) {
                  return device.acquire_barrier(buffer, access);
              });
    vkCmdBindPipeline(slot.commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(slot.commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &slot.descriptors, 0,
                            nullptr);
    vkCmdPushConstants(slot.commands, layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof parameters, &parameters);
    vkCmdDispatch(slot.commands, (parameters.width + pixels_across - 1) / pixels_across,
                  (parameters.height + rows_down - 1) / rows_down, 1);
    hand_over(VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, outside,
              [&](const vulkan::Buffer& buffer, VkAccessFlags access) {
                  return device.release_barrier(buffer, access);
              });
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
    auto conversion = make_conversion(layout, picture_pitch, order);
    if (!conversion)
        return Error(conversion.error()).on(device.name());
    if (device.queue() == VK_NULL_HANDLE)
        return Error(ErrorKind::unsupported, "converting frames needs a queue of the GPU").on(device.name());
    auto objects = std::make_unique<Objects>(device);
    objects->conversion = *conversion;
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

Result<void> Converter::prepare(std::uint32_t slot, const Source& frame, const vulkan::Buffer& picture,
                                std::uint64_t picture_offset) {
    Objects& o = *objects_;
    if (slot >= o.slots.size())
        return Error(ErrorKind::invalid, "there is no such slot for a conversion");
    const std::uint32_t memories = o.conversion.memory_count;
    std::array<Window, 3> sources{};
    bool at_words = o.conversion.constants.rows_at_words != 0;
    for (std::uint32_t i = 0; i < memories; ++i) {
        auto source = o.window_of(frame.memories[i], frame.offsets[i], o.conversion.frame_bytes[i]);
        if (!source)
            return std::move(source).error();
        sources[i] = *source;
        at_words = at_words && source->offset % 4 == 0;
    }
    for (std::uint32_t i = memories; i < sources.size(); ++i) // bound, and not read
        sources[i] = sources[0];
    auto target = o.window_of(picture, picture_offset, o.conversion.picture_bytes);
    if (!target)
        return std::move(target).error();
    if (target->offset % 4)
        return Error(ErrorKind::invalid, "the picture's memory begins at no multiple of 4 bytes");
    auto pipeline = o.pipeline_for(at_words);
    if (!pipeline)
        return std::move(pipeline).error();
    ConversionParameters parameters = o.conversion.parameters;
    for (std::size_t i = 0; i < parameters.planes.size(); ++i) {
        parameters.planes[i].offset += sources[memories > 1 ? i : 0].offset;
        parameters.last_words[i] = static_cast<std::uint32_t>(sources[i].info.range / 4 - 1);
    }
    parameters.picture_offset = target->offset / 4;

    Objects::Slot& at = o.slots[slot];
    at.camera = frame.memories;
    at.picture = picture;
    std::array<VkWriteDescriptorSet, 4> writes{};
    for (std::uint32_t binding = 0; binding < writes.size(); ++binding) {
        writes[binding].sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
        writes[binding].dstSet = at.descriptors;
        writes[binding].dstBinding = binding;
        writes[binding].descriptorCount = 1;
        writes[binding].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
        writes[binding].pBufferInfo = binding < sources.size() ? &sources[binding].info : &target->info;
    }
    vkUpdateDescriptorSets(o.vk, writes.size(), writes.data(), 0, nullptr);
    auto recorded = o.record(slot, parameters, *pipeline);
    if (!recorded)
        at.camera = {}; // nothing that could run
    return recorded;
}

Result<Converter::Times> Converter::run(std::uint32_t slot) {
    Objects& o = *objects_;
    if (slot >= o.slots.size() || !o.slots[slot].camera[0])
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
    if (auto result = vkWaitForFences(o.vk, 1, &o.done, VK_TRUE, UINT64_MAX)) {
        // It may be at it still, in memory that goes to the camera or away next.
        const auto lock = o.device.queue_lock();
        (void)vkQueueWaitIdle(o.device.queue());
        return refused(o.device, result, "vkWaitForFences");
    }
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
