// What a plan finds out, found out by a program without a library: bare ioctls of a camera, a heap, udmabuf
// and a card, and Vulkan on the rows' device. Five memories, each allocated once and tried on a camera, a GPU
// and the CPU; and two trial buffers over the same pages in two orders, tried on the camera and the GPU. Only
// the calls that the answer needs, each one checked.
#pragma once

#include <cstdint>
#include <string>

#include "gpu.h"
#include "hwalloc/unique_fd.h"

namespace bench {

// A camera that is idle and has its format, opened nodes, and functions of the driver's: what there is before
// anybody plans.
class ByHand {
public:
    // For a YUYV picture.
    ByHand(std::uint32_t width, std::uint32_t height) : width_(width), height_(height) {}
    // `card`: of the dumb buffers, such as "/dev/dri/card2". False: see why().
    bool open(const Gpu& gpu, const std::string& card);
    // All of it, once.
    bool plan();
    const std::string& why() const noexcept { return why_; }

private:
    // A dma-buf, and what keeps it or is made of it.
    struct Made {
        hwalloc::UniqueFd fd;
        VkBuffer buffer = VK_NULL_HANDLE; // of memory that the GPU made
        VkDeviceMemory memory = VK_NULL_HANDLE;
        void* mapped = nullptr;
    };

    bool has_format();
    bool from_camera(Made& made);
    bool from_gpu(Made& made);
    bool from_heap(Made& made);
    bool from_udmabuf(Made& made);
    bool from_card(Made& made);
    bool twins(Made (&made)[2]);
    void let_go(Made& made);

    bool camera_takes(const Made& made);
    bool gpu_takes(const Made& made);
    bool cpu_takes(Made& made);

    bool call(const hwalloc::UniqueFd& node, unsigned long request, void* argument, const char* name);
    bool request_buffers(std::uint32_t count, std::uint32_t memory);
    bool make_buffer(VkBuffer& buffer, VkMemoryRequirements& needs);
    bool allocate(const void* next, VkDeviceSize bytes, std::uint32_t types, VkDeviceMemory& memory);
    bool sealed_file(std::uint64_t bytes, hwalloc::UniqueFd& file);
    bool failed(std::string what);

    const std::uint32_t width_, height_, stride_ = 2 * width_, size_ = stride_ * height_;
    const Gpu* gpu_ = nullptr;
    hwalloc::UniqueFd camera_, heap_, udmabuf_, card_;
    std::string why_;
    VkPhysicalDeviceMemoryProperties types_{};
    PFN_vkCreateBuffer create_buffer_ = nullptr;
    PFN_vkDestroyBuffer destroy_buffer_ = nullptr;
    PFN_vkGetBufferMemoryRequirements get_requirements_ = nullptr;
    PFN_vkBindBufferMemory bind_buffer_ = nullptr;
    PFN_vkGetMemoryFdKHR get_fd_ = nullptr;
    PFN_vkGetMemoryFdPropertiesKHR get_fd_properties_ = nullptr;
};

} // namespace bench
