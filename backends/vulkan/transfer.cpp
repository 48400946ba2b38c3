#include "backends/vulkan/transfer.h"

#include <cstring>
#include <utility>

namespace hwalloc::vulkan::detail {
namespace {

std::uint32_t outside_of(const Context& context) noexcept {
    return context.has_foreign ? VK_QUEUE_FAMILY_FOREIGN_EXT : VK_QUEUE_FAMILY_EXTERNAL;
}

} // namespace

VkBufferMemoryBarrier acquire_from(const Context& context, const BufferBinding& buffer,
                                   VkAccessFlags access) noexcept {
    const std::uint32_t outside = outside_of(context);
    return {.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
            .srcAccessMask = buffer.foreign ? VkAccessFlags{0} : VkAccessFlags{VK_ACCESS_MEMORY_WRITE_BIT},
            .dstAccessMask = access,
            .srcQueueFamilyIndex = buffer.foreign ? outside : VK_QUEUE_FAMILY_IGNORED,
            .dstQueueFamilyIndex = buffer.foreign ? context.queue_family : VK_QUEUE_FAMILY_IGNORED,
            .buffer = buffer.buffer,
            .offset = 0,
            .size = VK_WHOLE_SIZE};
}

VkBufferMemoryBarrier release_to(const Context& context, const BufferBinding& buffer,
                                 VkAccessFlags access) noexcept {
    VkBufferMemoryBarrier barrier = acquire_from(context, buffer, access);
    std::swap(barrier.srcQueueFamilyIndex, barrier.dstQueueFamilyIndex);
    barrier.srcAccessMask = access;
    barrier.dstAccessMask = buffer.foreign ? VkAccessFlags{0} : VkAccessFlags{VK_ACCESS_MEMORY_READ_BIT};
    return barrier;
}

VkImageMemoryBarrier take_fresh(const ImageBinding& image, VkAccessFlags access,
                                VkImageLayout layout) noexcept {
    // Its planes lie in one memory, so the colour aspect is all of them.
    return {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
            .dstAccessMask = access,
            .oldLayout = VK_IMAGE_LAYOUT_UNDEFINED,
            .newLayout = layout,
            .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
            .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
            .image = image.image,
            .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
}

VkImageMemoryBarrier acquire_from(const Context& context, const ImageBinding& image, VkAccessFlags access,
                                  VkImageLayout layout) noexcept {
    VkImageMemoryBarrier barrier = take_fresh(image, access, layout);
    barrier.oldLayout = VK_IMAGE_LAYOUT_GENERAL;
    barrier.srcQueueFamilyIndex = outside_of(context);
    barrier.dstQueueFamilyIndex = context.queue_family;
    return barrier;
}

VkImageMemoryBarrier release_to(const Context& context, const ImageBinding& image, VkAccessFlags access,
                                VkImageLayout layout) noexcept {
    VkImageMemoryBarrier barrier = acquire_from(context, image, access, layout);
    std::swap(barrier.srcAccessMask, barrier.dstAccessMask);
    std::swap(barrier.oldLayout, barrier.newLayout);
    std::swap(barrier.srcQueueFamilyIndex, barrier.dstQueueFamilyIndex);
    return barrier;
}

Transfer::~Transfer() {
    if (!context_.of_this_process())
        return;
    if (fence_)
        context_.functions.DestroyFence(context_.device, fence_, nullptr);
    if (pool_)
        context_.functions.DestroyCommandPool(context_.device, pool_, nullptr);
}

Result<void> Transfer::prepare() noexcept {
    const Functions& vk = context_.functions;
    const VkCommandPoolCreateInfo pool{.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                       .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                       .queueFamilyIndex = context_.queue_family};
    // What a failed call leaves in place of a handle is undefined, so members get it afterwards.
    VkCommandPool made = VK_NULL_HANDLE;
    if (const VkResult result = vk.CreateCommandPool(context_.device, &pool, nullptr, &made);
        result != VK_SUCCESS)
        return context_.refused(result, "preparing for work of the GPU", "vkCreateCommandPool");
    pool_ = made;
    const VkCommandBufferAllocateInfo one{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                          .commandPool = pool_,
                                          .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                          .commandBufferCount = 1};
    if (const VkResult result = vk.AllocateCommandBuffers(context_.device, &one, &commands_);
        result != VK_SUCCESS)
        return context_.refused(result, "preparing for work of the GPU", "vkAllocateCommandBuffers");
    const VkFenceCreateInfo fence{.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fresh = VK_NULL_HANDLE;
    if (const VkResult result = vk.CreateFence(context_.device, &fence, nullptr, &fresh);
        result != VK_SUCCESS)
        return context_.refused(result, "preparing for work of the GPU", "vkCreateFence");
    fence_ = fresh;
    return {};
}

template<class Record>
Result<void> Transfer::run(Record&& record) noexcept {
    const Functions& vk = context_.functions;
    if (auto own = context_.check_process(); !own)
        return own;
    std::lock_guard guard(mutex_);
    // Before the next use and not after the last, so that a failure comes before any work.
    if (fence_used_) {
        if (const VkResult result = vk.ResetFences(context_.device, 1, &fence_); result != VK_SUCCESS)
            return context_.refused(result, "preparing for work of the GPU", "vkResetFences");
        fence_used_ = false;
    }
    const VkCommandBufferBeginInfo begin{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                         .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    if (const VkResult result = vk.BeginCommandBuffer(commands_, &begin); result != VK_SUCCESS)
        return context_.refused(result, "recording work for the GPU", "vkBeginCommandBuffer");
    record(commands_);
    // What was written is for whoever looks next: the CPU or other work.
    const VkMemoryBarrier done{.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_MEMORY_READ_BIT};
    vk.CmdPipelineBarrier(commands_, VK_PIPELINE_STAGE_TRANSFER_BIT,
                          VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 1, &done, 0,
                          nullptr, 0, nullptr);
    if (const VkResult result = vk.EndCommandBuffer(commands_); result != VK_SUCCESS)
        return context_.refused(result, "recording work for the GPU", "vkEndCommandBuffer");
    const VkSubmitInfo submit{
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands_};
    {
        const auto lock = context_.lock_queue();
        if (const VkResult result = vk.QueueSubmit(context_.queue, 1, &submit, fence_); result != VK_SUCCESS)
            return context_.refused(result, "giving work to the GPU", "vkQueueSubmit");
        fence_used_ = true;
    }
    const VkResult waited = vk.WaitForFences(context_.device, 1, &fence_, VK_TRUE, UINT64_MAX);
    if (waited == VK_SUCCESS)
        return {};
    // The GPU may still be working, in memory that the caller is about to release.
    const auto lock = context_.lock_queue();
    vk.QueueWaitIdle(context_.queue);
    return context_.refused(waited, "waiting for the GPU", "vkWaitForFences");
}

Result<void> Transfer::zero(const BufferBinding& buffer) noexcept {
    return run([&](VkCommandBuffer commands) {
        const Functions& vk = context_.functions;
        vk.CmdFillBuffer(commands, buffer.buffer, 0, VK_WHOLE_SIZE, 0);
        // Nobody had it before, so there was nothing to acquire; but whoever has it next acquires the zeroes.
        const VkBufferMemoryBarrier after = release_to(context_, buffer, VK_ACCESS_TRANSFER_WRITE_BIT);
        vk.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0,
                              0, nullptr, 1, &after, 0, nullptr);
    });
}

Result<void> Transfer::copy(const BufferWindow& from, const BufferWindow& to, VkDeviceSize size) noexcept {
    return run([&](VkCommandBuffer commands) {
        const Functions& vk = context_.functions;
        const VkBufferMemoryBarrier before[] = {
            acquire_from(context_, *from.binding, VK_ACCESS_TRANSFER_READ_BIT),
            acquire_from(context_, *to.binding, VK_ACCESS_TRANSFER_WRITE_BIT)};
        vk.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0,
                              0, nullptr, 2, before, 0, nullptr);
        const VkBufferCopy region{.srcOffset = from.offset, .dstOffset = to.offset, .size = size};
        vk.CmdCopyBuffer(commands, from.binding->buffer, to.binding->buffer, 1, &region);
        const VkBufferMemoryBarrier after[] = {
            release_to(context_, *from.binding, VK_ACCESS_TRANSFER_READ_BIT),
            release_to(context_, *to.binding, VK_ACCESS_TRANSFER_WRITE_BIT)};
        vk.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0,
                              0, nullptr, 2, after, 0, nullptr);
    });
}

} // namespace hwalloc::vulkan::detail
