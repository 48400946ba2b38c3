#include "plan_by_hand.h"

#include <drm.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <type_traits>

namespace bench {
namespace {

using hwalloc::UniqueFd;

constexpr auto dma_buf_type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

std::uint64_t whole_pages(std::uint64_t bytes, std::uint64_t pages = 1) {
    const auto unit = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) * pages;
    return (bytes + unit - 1) / unit * unit;
}

} // namespace

bool ByHand::failed(std::string what) {
    why_ = std::move(what);
    return false;
}

bool ByHand::call(const UniqueFd& node, unsigned long request, void* argument, const char* name) {
    for (;;) {
        if (ioctl(node.get(), request, argument) >= 0)
            return true;
        if (errno != EINTR)
            return failed(std::string(name) + ": " + std::strerror(errno));
    }
}

bool ByHand::open(const Gpu& gpu, const std::string& card) {
    gpu_ = &gpu;
    const auto node = [&](UniqueFd& fd, const std::string& path, int flags) {
        fd = UniqueFd(::open(path.c_str(), flags | O_CLOEXEC));
        return fd || failed(path + " cannot be opened: " + std::strerror(errno));
    };
    if (!node(camera_, "/dev/video0", O_RDWR | O_NONBLOCK) ||
        !node(heap_, "/dev/dma_heap/system", O_RDONLY) || !node(udmabuf_, "/dev/udmabuf", O_RDWR) ||
        !node(card_, card, O_RDWR))
        return false;
    const auto function = [&](auto& pointer, const char* name) {
        pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(
            vkGetDeviceProcAddr(gpu.handle(), name));
        return pointer || failed(std::string("the driver has no ") + name);
    };
    if (!function(create_buffer_, "vkCreateBuffer") || !function(destroy_buffer_, "vkDestroyBuffer") ||
        !function(get_requirements_, "vkGetBufferMemoryRequirements") ||
        !function(bind_buffer_, "vkBindBufferMemory") || !function(get_fd_, "vkGetMemoryFdKHR") ||
        !function(get_fd_properties_, "vkGetMemoryFdPropertiesKHR"))
        return false;
    vkGetPhysicalDeviceMemoryProperties(gpu.device.physical_device(), &types_);
    v4l2_format format{};
    format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    format.fmt.pix.width = width_, format.fmt.pix.height = height_;
    format.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
    return call(camera_, VIDIOC_S_FMT, &format, "VIDIOC_S_FMT") && has_format();
}

// ---- the memories

bool ByHand::from_camera(Made& made) {
    v4l2_create_buffers request{};
    request.count = 1;
    request.memory = V4L2_MEMORY_MMAP;
    request.format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (!call(camera_, VIDIOC_G_FMT, &request.format, "VIDIOC_G_FMT") ||
        !call(camera_, VIDIOC_CREATE_BUFS, &request, "VIDIOC_CREATE_BUFS"))
        return false;
    v4l2_exportbuffer exported{};
    exported.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    exported.index = request.index;
    exported.flags = O_RDWR | O_CLOEXEC;
    if (!call(camera_, VIDIOC_EXPBUF, &exported, "VIDIOC_EXPBUF"))
        return false;
    made.fd = UniqueFd(exported.fd);
    return request_buffers(0, V4L2_MEMORY_MMAP); // the dma-buf lives on
}

bool ByHand::make_buffer(VkBuffer& buffer, VkMemoryRequirements& needs) {
    const VkExternalMemoryBufferCreateInfo outside{.sType =
                                                       VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
                                                   .pNext = nullptr,
                                                   .handleTypes = dma_buf_type};
    VkBufferCreateInfo info = buffer_info(size_);
    info.pNext = &outside;
    if (create_buffer_(gpu_->handle(), &info, nullptr, &buffer) != VK_SUCCESS)
        return failed("vkCreateBuffer");
    get_requirements_(gpu_->handle(), buffer, &needs);
    return true;
}

bool ByHand::allocate(const void* next, VkDeviceSize bytes, std::uint32_t types, VkDeviceMemory& memory) {
    if (types == 0)
        return failed("no type of memory does");
    VkMemoryAllocateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    info.pNext = next;
    info.allocationSize = bytes;
    info.memoryTypeIndex = static_cast<std::uint32_t>(std::countr_zero(types));
    return gpu_->allocate_memory(gpu_->handle(), &info, nullptr, &memory) == VK_SUCCESS ||
           failed("vkAllocateMemory");
}

bool ByHand::from_gpu(Made& made) {
    VkMemoryRequirements needs{};
    if (!make_buffer(made.buffer, needs))
        return false;
    std::uint32_t types = 0;
    for (std::uint32_t i = 0; i < types_.memoryTypeCount; ++i)
        if (types_.memoryTypes[i].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT)
            types |= needs.memoryTypeBits & (1u << i);
    VkExportMemoryAllocateInfo shared{};
    shared.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO;
    shared.handleTypes = dma_buf_type;
    if (!allocate(&shared, needs.size, types, made.memory))
        return false;
    if (bind_buffer_(gpu_->handle(), made.buffer, made.memory, 0) != VK_SUCCESS)
        return failed("vkBindBufferMemory");
    VkMemoryGetFdInfoKHR question{};
    question.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR;
    question.memory = made.memory;
    question.handleType = dma_buf_type;
    int fd = -1;
    if (get_fd_(gpu_->handle(), &question, &fd) != VK_SUCCESS)
        return failed("vkGetMemoryFdKHR");
    made.fd = UniqueFd(fd);
    return true;
}

bool ByHand::from_heap(Made& made) {
    dma_heap_allocation_data request{};
    request.len = size_;
    request.fd_flags = O_RDWR | O_CLOEXEC;
    if (!call(heap_, DMA_HEAP_IOCTL_ALLOC, &request, "DMA_HEAP_IOCTL_ALLOC"))
        return false;
    made.fd = UniqueFd(static_cast<int>(request.fd));
    return true;
}

bool ByHand::sealed_file(std::uint64_t bytes, UniqueFd& file) {
    file = UniqueFd(memfd_create("hwalloc-bench", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    return (file && ftruncate(file.get(), static_cast<off_t>(bytes)) == 0 &&
            fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0) ||
           failed("memfd_create");
}

bool ByHand::from_udmabuf(Made& made) {
    UniqueFd file;
    udmabuf_create request{};
    request.flags = UDMABUF_FLAGS_CLOEXEC;
    request.size = whole_pages(size_);
    if (!sealed_file(request.size, file))
        return false;
    request.memfd = static_cast<std::uint32_t>(file.get());
    const int fd = ioctl(udmabuf_.get(), UDMABUF_CREATE, &request);
    made.fd = UniqueFd(fd);
    return fd >= 0 || failed("UDMABUF_CREATE");
}

bool ByHand::from_card(Made& made) {
    drm_mode_create_dumb dumb{};
    dumb.width = width_, dumb.height = height_, dumb.bpp = 16;
    if (!call(card_, DRM_IOCTL_MODE_CREATE_DUMB, &dumb, "MODE_CREATE_DUMB"))
        return false;
    drm_prime_handle prime{};
    prime.handle = dumb.handle;
    prime.flags = DRM_CLOEXEC | DRM_RDWR;
    const bool exported = call(card_, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime, "PRIME_HANDLE_TO_FD");
    if (exported)
        made.fd = UniqueFd(prime.fd);
    drm_gem_close handle{};
    handle.handle = dumb.handle;
    return call(card_, DRM_IOCTL_GEM_CLOSE, &handle, "GEM_CLOSE") && exported &&
           (dumb.pitch == stride_ || failed("the card has another pitch than the camera"));
}

// One file, its halves in two orders: at most one of the two can be contiguous.
bool ByHand::twins(Made (&made)[2]) {
    UniqueFd file;
    const std::uint64_t half = whole_pages(size_, 2) / 2;
    if (!sealed_file(2 * half, file))
        return false;
    for (std::uint64_t i = 0; i < 2; ++i) {
        // udmabuf_create_list, which ends with an array of unknown length, with two items.
        struct {
            __u32 flags, count;
            udmabuf_create_item items[2];
        } list{};
        list.flags = UDMABUF_FLAGS_CLOEXEC, list.count = 2;
        for (std::uint64_t item = 0; item < 2; ++item)
            list.items[item] = {static_cast<__u32>(file.get()), 0, (item ^ i) * half, half};
        const int fd = ioctl(udmabuf_.get(), UDMABUF_CREATE_LIST, &list);
        if (fd < 0)
            return failed("UDMABUF_CREATE_LIST");
        made[i].fd = UniqueFd(fd);
    }
    return true;
}

void ByHand::let_go(Made& made) {
    if (made.mapped)
        munmap(made.mapped, size_);
    if (made.buffer)
        destroy_buffer_(gpu_->handle(), made.buffer, nullptr);
    if (made.memory)
        gpu_->free_memory(gpu_->handle(), made.memory, nullptr);
    made = Made();
}

// ---- the trials

bool ByHand::has_format() {
    v4l2_format format{};
    format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (!call(camera_, VIDIOC_G_FMT, &format, "VIDIOC_G_FMT"))
        return false;
    const v4l2_pix_format& is = format.fmt.pix;
    return (is.width == width_ && is.height == height_ && is.pixelformat == V4L2_PIX_FMT_YUYV &&
            is.bytesperline == stride_ && is.sizeimage == size_) ||
           failed("the camera has another format");
}

bool ByHand::request_buffers(std::uint32_t count, std::uint32_t memory) {
    v4l2_requestbuffers request{};
    request.count = count;
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    request.memory = memory;
    return call(camera_, VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");
}

bool ByHand::camera_takes(const Made& made) {
    if (!request_buffers(1, V4L2_MEMORY_DMABUF))
        return false;
    v4l2_buffer buffer{};
    buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer.memory = V4L2_MEMORY_DMABUF;
    buffer.m.fd = made.fd.get();
    buffer.length = size_;
    const bool queued = call(camera_, VIDIOC_QBUF, &buffer, "VIDIOC_QBUF");
    return request_buffers(0, V4L2_MEMORY_DMABUF) && queued;
}

// As a VkBuffer. What the GPU made is one already.
bool ByHand::gpu_takes(const Made& made) {
    if (made.buffer)
        return true;
    VkMemoryFdPropertiesKHR can{};
    can.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR;
    if (get_fd_properties_(gpu_->handle(), dma_buf_type, made.fd.get(), &can) != VK_SUCCESS)
        return failed("vkGetMemoryFdPropertiesKHR");
    Made import;
    VkMemoryRequirements needs{};
    if (!make_buffer(import.buffer, needs))
        return false;
    VkImportMemoryFdInfoKHR from{};
    from.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR;
    from.handleType = dma_buf_type;
    from.fd = fcntl(made.fd.get(), F_DUPFD_CLOEXEC, 0); // the driver's, once it took the memory
    const bool bound =
        from.fd >= 0 &&
        allocate(&from, needs.size, can.memoryTypeBits & needs.memoryTypeBits, import.memory) &&
        bind_buffer_(gpu_->handle(), import.buffer, import.memory, 0) == VK_SUCCESS;
    let_go(import);
    return bound || failed("the GPU does not take the memory");
}

// By the driver's own mapping where there is one. Others stay until the memory goes, as ours do: letting
// them go before the next trial costs more.
bool ByHand::cpu_takes(Made& made) {
    void* bytes = MAP_FAILED;
    if (made.memory) {
        if (gpu_->map_memory(gpu_->handle(), made.memory, 0, VK_WHOLE_SIZE, 0, &bytes) != VK_SUCCESS)
            return failed("vkMapMemory");
    } else {
        bytes = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, made.fd.get(), 0);
        if (bytes == MAP_FAILED)
            return failed("mmap");
        made.mapped = bytes;
    }
    dma_buf_sync sync{};
    sync.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ;
    if (!call(made.fd, DMA_BUF_IOCTL_SYNC, &sync, "DMA_BUF_IOCTL_SYNC"))
        return false;
    const volatile std::uint8_t* const seen = static_cast<const std::uint8_t*>(bytes);
    (void)seen[0], (void)seen[size_ - 1];
    sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
    return call(made.fd, DMA_BUF_IOCTL_SYNC, &sync, "DMA_BUF_IOCTL_SYNC");
}

bool ByHand::plan() {
    if (!has_format())
        return false;
    bool done = true;
    for (const auto from : {&ByHand::from_camera, &ByHand::from_gpu, &ByHand::from_heap,
                            &ByHand::from_udmabuf, &ByHand::from_card}) {
        Made made;
        done = done && (this->*from)(made) && cpu_takes(made) && gpu_takes(made) && camera_takes(made);
        let_go(made);
    }
    Made pair[2];
    done = done && twins(pair);
    for (Made& one : pair) {
        done = done && gpu_takes(one) && camera_takes(one);
        let_go(one);
    }
    return done;
}

} // namespace bench
