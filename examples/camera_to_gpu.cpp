// Camera to GPU without a copy: V4L2 fills dma-bufs, Vulkan reads the very same memory.
//
//     camera_to_gpu [CAMERA [ALLOCATOR [FRAMES]]] > picture.ppm
//
// Each buffer is imported once by the camera and once by the GPU. A frame then costs poll, DQBUF, one
// submission, QBUF. An application that has its own VkDevice uses Device::wrap() instead of Device::open(),
// and the rest stays as it is.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <vulkan/vulkan.h>

#include "hwalloc/allocator.h"
#include "hwalloc/plan.h"
#include "hwalloc/v4l2.h"
#include "hwalloc/vulkan.h"
#include "shaders/yuyv_to_rgba.comp.h"

using namespace hwalloc;

// An example ends at the first thing that goes wrong, and says what and what to do.
[[noreturn]] static void give_up(const std::string& why) {
    std::fprintf(stderr, "camera_to_gpu: %s\n", why.c_str());
    std::exit(1);
}
template<class T>
static T must(Result<T> result) {
    if (!result)
        give_up(result.error().message());
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}
static void check(VkResult result, const char* call) {
    if (result != VK_SUCCESS)
        give_up(std::string(call) + ": VkResult " + std::to_string(result));
}

// One compute shader with two storage buffers, and a recorded command buffer for each camera buffer.
class Conversion {
public:
    Conversion(vulkan::Device device, std::uint32_t buffers)
        : device_(std::move(device)), vk_(device_.device()) {
        const VkDescriptorSetLayoutBinding bindings[] = {
            {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr},
            {1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr}};
        const VkDescriptorSetLayoutCreateInfo set_info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                       nullptr, 0, 2, bindings};
        check(vkCreateDescriptorSetLayout(vk_, &set_info, nullptr, &set_layout_),
              "vkCreateDescriptorSetLayout");
        const VkPushConstantRange constants{VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(Size)};
        const VkPipelineLayoutCreateInfo layout_info{
            VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, nullptr, 0, 1, &set_layout_, 1, &constants};
        check(vkCreatePipelineLayout(vk_, &layout_info, nullptr, &layout_), "vkCreatePipelineLayout");
        const VkShaderModuleCreateInfo code{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, nullptr, 0,
                                            sizeof yuyv_to_rgba_comp, yuyv_to_rgba_comp};
        VkShaderModule shader;
        check(vkCreateShaderModule(vk_, &code, nullptr, &shader), "vkCreateShaderModule");
        const VkComputePipelineCreateInfo pipeline_info{VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                                        nullptr,
                                                        0,
                                                        {VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                         nullptr, 0, VK_SHADER_STAGE_COMPUTE_BIT, shader,
                                                         "main", nullptr},
                                                        layout_,
                                                        VK_NULL_HANDLE,
                                                        0};
        check(vkCreateComputePipelines(vk_, VK_NULL_HANDLE, 1, &pipeline_info, nullptr, &pipeline_),
              "vkCreateComputePipelines");
        vkDestroyShaderModule(vk_, shader, nullptr);
        const VkDescriptorPoolSize descriptors{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 2 * buffers};
        const VkDescriptorPoolCreateInfo sets{
            VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, nullptr, 0, buffers, 1, &descriptors};
        check(vkCreateDescriptorPool(vk_, &sets, nullptr, &sets_), "vkCreateDescriptorPool");
        const VkCommandPoolCreateInfo pool{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, nullptr, 0,
                                           device_.queue_family()};
        check(vkCreateCommandPool(vk_, &pool, nullptr, &commands_), "vkCreateCommandPool");
        const VkFenceCreateInfo fence{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, nullptr, 0};
        check(vkCreateFence(vk_, &fence, nullptr, &done_), "vkCreateFence");
    }
    ~Conversion() {
        vkDestroyFence(vk_, done_, nullptr);
        vkDestroyCommandPool(vk_, commands_, nullptr);
        vkDestroyDescriptorPool(vk_, sets_, nullptr);
        vkDestroyPipeline(vk_, pipeline_, nullptr);
        vkDestroyPipelineLayout(vk_, layout_, nullptr);
        vkDestroyDescriptorSetLayout(vk_, set_layout_, nullptr);
    }
    Conversion(const Conversion&) = delete;
    Conversion& operator=(const Conversion&) = delete;

    // Records the work for one camera buffer, once; it is submitted again for every frame in it.
    void record(const vulkan::Buffer& camera, const vulkan::Buffer& picture, const ImageLayout& layout) {
        VkDescriptorSet set;
        const VkDescriptorSetAllocateInfo set_info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO, nullptr,
                                                   sets_, 1, &set_layout_};
        check(vkAllocateDescriptorSets(vk_, &set_info, &set), "vkAllocateDescriptorSets");
        const VkDescriptorBufferInfo buffers[] = {{camera.handle(), camera.offset(), camera.size()},
                                                  {picture.handle(), picture.offset(), picture.size()}};
        const VkWriteDescriptorSet write{
            VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, nullptr, set,     0,      0, 2,
            VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,      nullptr, buffers, nullptr};
        vkUpdateDescriptorSets(vk_, 1, &write, 0, nullptr);
        VkCommandBuffer commands;
        const VkCommandBufferAllocateInfo one{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, nullptr,
                                              commands_, VK_COMMAND_BUFFER_LEVEL_PRIMARY, 1};
        check(vkAllocateCommandBuffers(vk_, &one, &commands), "vkAllocateCommandBuffers");
        const VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO, nullptr, 0,
                                             nullptr};
        check(vkBeginCommandBuffer(commands, &begin), "vkBeginCommandBuffer");
        // The camera has written: take the memory over from it, and give it back afterwards.
        const auto take = device_.acquire_barrier(camera, VK_ACCESS_SHADER_READ_BIT);
        vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
                             VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 0, nullptr, 1, &take, 0, nullptr);
        const Size size{(layout.width + 1) / 2, layout.height, layout.planes[0].stride / 4};
        vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline_);
        vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout_, 0, 1, &set, 0, nullptr);
        vkCmdPushConstants(commands, layout_, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof size, &size);
        vkCmdDispatch(commands, (size.pairs + 7) / 8, (size.height + 7) / 8, 1);
        const auto give = device_.release_barrier(camera, VK_ACCESS_SHADER_READ_BIT);
        const VkMemoryBarrier for_cpu{VK_STRUCTURE_TYPE_MEMORY_BARRIER, nullptr, VK_ACCESS_SHADER_WRITE_BIT,
                                      VK_ACCESS_HOST_READ_BIT};
        vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                             VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT | VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                             &for_cpu, 1, &give, 0, nullptr);
        check(vkEndCommandBuffer(commands), "vkEndCommandBuffer");
        recorded_.push_back(commands);
    }

    // Runs what was recorded for a buffer, and returns when the GPU is done with it: the camera waits for no
    // fence.
    void run(std::uint32_t index) {
        const VkSubmitInfo work{
            VK_STRUCTURE_TYPE_SUBMIT_INFO, nullptr, 0, nullptr, nullptr, 1, &recorded_[index], 0, nullptr};
        {
            const auto lock = device_.queue_lock();
            check(vkQueueSubmit(device_.queue(), 1, &work, done_), "vkQueueSubmit");
        }
        check(vkWaitForFences(vk_, 1, &done_, VK_TRUE, UINT64_MAX), "vkWaitForFences");
        check(vkResetFences(vk_, 1, &done_), "vkResetFences");
    }

private:
    struct Size {
        std::uint32_t pairs, height, stride_in_words;
    };
    vulkan::Device device_;
    VkDevice vk_;
    VkDescriptorSetLayout set_layout_{};
    VkPipelineLayout layout_{};
    VkPipeline pipeline_{};
    VkDescriptorPool sets_{};
    VkCommandPool commands_{};
    VkFence done_{};
    std::vector<VkCommandBuffer> recorded_;
};

int main(int argc, char** argv) {
    const std::string path = argc > 1 ? argv[1] : "/dev/video0";
    const int frames = argc > 3 ? std::atoi(argv[3]) : 30;

    auto device = must(vulkan::Device::open());
    auto camera = must(v4l2::Camera::open(path));
    const auto format =
        must(camera.negotiate({.pixel_format = fourcc('Y', 'U', 'Y', 'V'), .width = 640, .height = 480}));
    const ImageLayout& layout = format.layout;
    if (layout.fourcc != fourcc('Y', 'U', 'Y', 'V') || layout.planes[0].stride % 4)
        give_up(path + " gives no YUYV that this example's shader can read");

    // Memory that both take, found by trying; or the allocator that was named, if both take that: "udmabuf",
    // "dma-heap/system", "vulkan/0", ...
    const std::vector<ParticipantRef> both{must(v4l2::capture_participant(camera)),
                                           must(vulkan::participant(device, 0))};
    const std::vector<std::string_view> named(argv + std::min(argc, 2), argv + std::min(argc, 3));
    const PlanRef plan =
        must(hwalloc::plan({.participants = both,
                            .image = {.size = layout.memory_sizes[0]},
                            .policy = named.empty() ? PlanPolicy::prefer : PlanPolicy::strict,
                            .prefer = named}));
    const std::uint32_t count = must(camera.reserve(camera.min_buffers() + 3));
    const PlanBuffers buffers = must(plan->allocate(count));
    const std::vector<MemoryRef>& memories = buffers.memories;
    const std::string& name = plan->candidates()[buffers.candidate].name;
    must(camera.bind(memories));

    // The GPU's side of the same memory, and its own for the picture.
    const AllocatorRef host = must(device.allocator(vulkan::Placement::host));
    const std::uint32_t width = (layout.width + 1) / 2 * 2;
    const MemoryRef picture = must(host->alloc(std::size_t{4} * width * layout.height, {.align = 255}));
    const vulkan::Buffer picture_buffer = must(device.buffer(*picture));
    Conversion conversion(device, count);
    std::vector<vulkan::Buffer> imports; // keeps them
    for (const MemoryRef& memory : memories) {
        imports.push_back(must(device.buffer(*memory)));
        conversion.record(imports.back(), picture_buffer, layout);
    }

    must(camera.start());
    for (int i = 0; i < frames; ++i) {
        v4l2::HeldFrame frame = must(camera.take(5000));
        conversion.run(frame->index);
        must(frame.queue()); // at the end of its scope it would go back by itself, and an error be lost
    }
    must(camera.stop());

    const Mapping mapping = must(picture->map(MapFlags::read));
    std::printf("P6 %u %u 255\n", layout.width, layout.height);
    for (std::uint32_t y = 0; y < layout.height; ++y)
        for (std::uint32_t x = 0; x < layout.width; ++x)
            std::fwrite(mapping.data() + 4 * (std::size_t{y} * width + x), 1, 3, stdout);
    std::fprintf(stderr, "%d frames of %ux%u from %s in %u buffers of %s, read by %s\n", frames, layout.width,
                 layout.height, path.c_str(), count, name.c_str(), device.name().c_str());
}
