// Vulkan: device memory as hwalloc memory, and any hwalloc memory as VkBuffer, VkImage and VkDeviceMemory,
// without a copy. Part of libhwalloc-vulkan, which an application that includes this links (pkg-config
// hwalloc-vulkan, or hwalloc::vulkan); asking for "vulkan/0" by name needs neither.
//
// Two ways to a device:
//   Device::open("0")      the library's own VkDevice, which the allocators "vulkan/0", "vulkan/0/host" and
//                          "vulkan/0/device-local" use too; the application may use its handles
//   Device::wrap(handles)  the application's VkDevice, made with device_extensions()
//
// The way of a frame, once per buffer: memory -> Device::buffer() or Device::image(); then per frame:
// acquire, work, release, and wait for the GPU before a camera gets the memory back (V4L2 waits for no
// fence).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <vulkan/vulkan_core.h>

#include "hwalloc/allocator.h"
#include "hwalloc/export.h"
#include "hwalloc/image.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"
#include "hwalloc/participant.h"
#include "hwalloc/result.h"

namespace hwalloc::vulkan {

// ---- what an application's own device needs

// Vulkan 1.1 is needed. The device extensions without which dma-bufs cannot be imported or exported
// (VK_KHR_external_memory_fd, VK_EXT_external_memory_dma_buf).
HWALLOC_API std::span<const char* const> required_device_extensions() noexcept;
// Those that are used where they are there: VK_EXT_image_drm_format_modifier (with VK_KHR_image_format_list,
// core in 1.2), VK_EXT_queue_family_foreign, VK_EXT_memory_budget. And VK_KHR_external_semaphore_fd, which
// the library does not use, as VK_KHR_timeline_semaphore and VK_KHR_synchronization2 (core in 1.2 and 1.3):
// they are for an application's own waits between devices (on the VkDevice of open() too).
HWALLOC_API std::span<const char* const> optional_device_extensions() noexcept;
// Those of both lists that `physical_device` has: for VkDeviceCreateInfo::ppEnabledExtensionNames, beside the
// application's own. The strings live for ever. Errors: unavailable (the driver does not answer), exhausted.
HWALLOC_API Result<std::vector<const char*>>
device_extensions(VkPhysicalDevice physical_device, PFN_vkGetInstanceProcAddr get_instance_proc_addr,
                  VkInstance instance) noexcept;

// The features of Vulkan that what this library makes is better with. The VkDevice of open() has those that
// its driver has.
struct Features {
    // Sampling images of Y'CbCr pixels (NV12, YUYV) as colours: Device::sampler_conversion(). Without it,
    // those of one plane are no images that can be sampled, and those of several by views of their planes
    // alone.
    bool sampler_ycbcr_conversion = false;
    // Not used by the library: for an application's own waits between devices.
    bool timeline_semaphore = false;
    bool synchronization2 = false;
};
// Those that `physical_device` has, with device_extensions(): for an application to enable, by the structures
// of the same names (VkPhysicalDeviceSamplerYcbcrConversionFeatures, ...) or those of whole versions
// (VkPhysicalDeviceVulkan11Features, ...). Errors: as device_extensions().
HWALLOC_API Result<Features> device_features(VkPhysicalDevice physical_device,
                                             PFN_vkGetInstanceProcAddr get_instance_proc_addr,
                                             VkInstance instance) noexcept;

// The application's device. All handles stay the application's and must outlive every Device, Buffer, Texture
// and Memory made with them.
struct Handles {
    VkInstance instance = VK_NULL_HANDLE;
    VkPhysicalDevice physical_device = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    // Where VkInstance functions come from; null: the Vulkan loader this library is linked to.
    PFN_vkGetInstanceProcAddr get_instance_proc_addr = nullptr;
    // The version the VkInstance and VkDevice were created for (VkApplicationInfo::apiVersion, at most the
    // device's).
    std::uint32_t api_version = VK_API_VERSION_1_1;
    // ppEnabledExtensionNames of the VkDevice; read during wrap() only.
    std::span<const char* const> enabled_extensions{};
    // VkDeviceCreateInfo::pNext of the VkDevice, for the features that it enables (device_features() names
    // those that matter); read during wrap() only. Null: none is enabled.
    const void* enabled_features = nullptr;
    // A queue for copies and fills by the GPU, with `queue_mutex` held around every use, as Vulkan wants it:
    // Memory::copy(), and Allocator::alloc() of memory that is not mapped and has to be zeroed, take it.
    // Null: the library then uses the CPU alone, and cannot zero or copy memory that is not host-visible.
    VkQueue queue = VK_NULL_HANDLE;
    std::uint32_t queue_family = 0;
    std::mutex* queue_mutex = nullptr; // null: nobody else uses the queue
};

// ---- memory as Vulkan objects

namespace detail {
struct Session;
struct BufferBinding;
struct ImageBinding;
struct ConversionBinding;
} // namespace detail

// A memory as a VkBuffer. Keeps the memory, the VkBuffer and the VkDeviceMemory alive; copies share them.
// Handles are lent. Thread-safety: as an int.
class HWALLOC_API Buffer {
public:
    Buffer() noexcept = default;
    explicit operator bool() const noexcept { return binding_ != nullptr; }

    // With every usage of buffer_usage. The same handle for all windows of one storage.
    VkBuffer handle() const noexcept;
    // Of the memory's window in the VkBuffer, in bytes. The size is the memory's, but where a driver needs
    // more memory for a VkBuffer than the VkBuffer has bytes (Mesa's PowerVR, some that round up to 64 KiB)
    // and the dma-buf has no more: there the VkBuffer is the largest that fits, and ends before the memory.
    VkDeviceSize offset() const noexcept { return offset_; }
    VkDeviceSize size() const noexcept { return size_; }
    // What the VkBuffer is bound to, and where the VkBuffer begins in it.
    VkDeviceMemory device_memory() const noexcept;
    VkDeviceSize device_memory_offset() const noexcept;
    // True when the bytes come from outside this VkDevice (an import): then each use begins with
    // acquire_barrier() and ends with release_barrier().
    bool foreign() const noexcept;

private:
    friend class Device;
    std::shared_ptr<const detail::BufferBinding> binding_;
    VkDeviceSize offset_ = 0, size_ = 0;
};

// What a Buffer can be used for.
inline constexpr VkBufferUsageFlags buffer_usage =
    VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT |
    VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT | VK_BUFFER_USAGE_STORAGE_TEXEL_BUFFER_BIT |
    VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT | VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
    VK_BUFFER_USAGE_INDEX_BUFFER_BIT | VK_BUFFER_USAGE_VERTEX_BUFFER_BIT |
    VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT;

// An image as a VkImage. As Buffer, and always foreign: each use begins with acquire_barrier(), or
// discard_barrier() where all of it is drawn, and ends with release_barrier().
class HWALLOC_API Texture {
public:
    Texture() noexcept = default;
    explicit operator bool() const noexcept { return binding_ != nullptr; }

    VkImage handle() const noexcept;
    VkFormat format() const noexcept;
    VkExtent2D extent() const noexcept;
    std::uint64_t modifier() const noexcept;
    VkDeviceMemory device_memory() const noexcept;
    // Whether VkImageViews of its single planes may be made (VK_IMAGE_ASPECT_PLANE_0_BIT, ...), each of one
    // or two components: VK_FORMAT_R8_UNORM and R8G8_UNORM, or R16_UNORM and R16G16_UNORM of more than 8
    // bits. False for formats of one plane, and where the driver refuses VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT.
    bool plane_views() const noexcept;

private:
    friend class Device;
    std::shared_ptr<const detail::ImageBinding> binding_;
};

// Where the samples of chroma are that several pixels share: `x` between left and right, `y` between top and
// bottom. No layout tells, as cameras do not; this is what video has nearly always, and JPEG has midpoint for
// both.
struct ChromaSiting {
    VkChromaLocation x = VK_CHROMA_LOCATION_COSITED_EVEN;
    VkChromaLocation y = VK_CHROMA_LOCATION_MIDPOINT;
};

// A VkSamplerYcbcrConversion, destroyed with the last copy. Thread-safety: as an int.
class HWALLOC_API SamplerConversion {
public:
    SamplerConversion() noexcept = default;
    explicit operator bool() const noexcept { return binding_ != nullptr; }

    VkSamplerYcbcrConversion handle() const noexcept;
    // What it was made with. A VkSampler with another filter than chromaFilter needs
    // VK_FORMAT_FEATURE_SAMPLED_IMAGE_YCBCR_CONVERSION_SEPARATE_RECONSTRUCTION_FILTER_BIT.
    VkSamplerYcbcrConversionCreateInfo create_info() const noexcept;
    // For pNext of VkSamplerCreateInfo and VkImageViewCreateInfo, both of which need it.
    VkSamplerYcbcrConversionInfo info() const noexcept;

private:
    friend class Device;
    std::shared_ptr<const detail::ConversionBinding> binding_;
};

// VkFormat of a format by its name in drm_fourcc.h, and back; VK_FORMAT_UNDEFINED and 0 where the other side
// has none.
HWALLOC_API VkFormat format_of_drm(std::uint32_t drm_fourcc) noexcept;
HWALLOC_API std::uint32_t drm_of_format(VkFormat format) noexcept;

// ---- the device

// Where memory of a Device lives.
enum class Placement : std::uint8_t {
    exportable,   // a dma-buf of its own for each allocation, mapped where the driver can: "vulkan/N"
    host,         // suballocated, mapped, cached where the driver can; no dma-buf: "vulkan/N/host"
    device_local, // suballocated, the GPU's fastest; not mappable, no dma-buf: "vulkan/N/device-local"
};

// Memory of one VkMemoryHeap, in bytes.
struct HeapStatistics {
    std::uint32_t index = 0;
    bool device_local = false;
    std::uint64_t size = 0;
    std::uint64_t budget = 0;          // what this process may use before it gets slow or fails
    std::uint64_t usage = 0;           // what it uses, with all that is not hwalloc's
    std::uint64_t allocated = 0;       // of these by this Device: bytes of VkDeviceMemory
    std::uint32_t device_memories = 0; // ... and how many there are
    std::uint64_t suballocated = 0;    // bytes given out of them
    std::uint32_t suballocations = 0;  // ... and how many pieces
    std::uint64_t imported = 0; // bytes of other people's dma-bufs, which belong to no heap of the device
    std::uint32_t imports = 0;  // ... and how many (told with heap 0)
};

// An open Vulkan device. Copies share it. What was moved from has none: its answers are null or empty, and
// all else is refused (invalid). Thread-safety: every function may be called by any thread at any time; the
// VkQueue needs queue_lock().
//
// A child of fork() has no use of a device that its parent opened, by either way: what would call the driver
// is refused there with ErrorKind::invalid, allocators by name too, and objects that end in the child end
// nothing of the parent's. Memory that is mapped can be read and written. A child that was forked before
// Vulkan was first used is a process like any other.
class HWALLOC_API Device {
public:
    // The library's own device: by index ("0"), by part of its name ("llvmpipe", "radeon"; case does not
    // matter), by DRM node ("renderD128", "/dev/dri/card0"), or "" for the first that takes dma-bufs, else
    // the first. All callers in the process share one VkDevice for each physical device. One that was lost
    // (an error of kind device_lost, to a call of this library) is given no more: the next open() and the
    // next use of an allocator by name open the device anew. Its memory, buffers and Device copies stay with
    // the lost one, good for release and for what the CPU has mapped. Errors: unavailable (no driver, no such
    // device), unsupported (Vulkan older than 1.1), and what the driver answers.
    static Result<Device> open(std::string_view which = {}) noexcept;
    static Result<Device> open(const char* which) noexcept { // null is ""
        return open(which ? std::string_view(which) : std::string_view());
    }
    // The application's own. Errors: invalid (a null handle), unsupported (older than 1.1), exhausted.
    static Result<Device> wrap(const Handles& handles) noexcept;
    // The device that an allocator of this library makes its memory on. Error: invalid (not a Vulkan
    // allocator).
    static Result<Device> of(Allocator& allocator) noexcept;

    VkInstance instance() const noexcept;
    VkPhysicalDevice physical_device() const noexcept;
    VkDevice device() const noexcept;
    // For compute and transfer at least; null where wrap() was given none.
    VkQueue queue() const noexcept;
    std::uint32_t queue_family() const noexcept;
    // To be held around vkQueueSubmit and every other use of queue(). Not recursive: whoever holds it calls
    // neither Memory::copy() nor Allocator::alloc() of this device, which take it where the GPU copies or
    // zeroes (as Handles::queue says). In a child of fork() whose parent opened the device it waits for
    // nothing and locks nothing (owns_lock() is false): the queue is the parent's.
    std::unique_lock<std::mutex> queue_lock() const;
    // VkPhysicalDeviceProperties::deviceName.
    const std::string& name() const noexcept HWALLOC_LIFETIMEBOUND;
    // "0" for what open() gives; empty for wrap().
    const std::string& index() const noexcept HWALLOC_LIFETIMEBOUND;
    // Enabled on the VkDevice.
    const Features& features() const noexcept HWALLOC_LIFETIMEBOUND;
    bool imports_dma_buf() const noexcept;
    bool exports_dma_buf() const noexcept;
    // hwalloc::sees_cpu_caches() of its DRM node (VK_EXT_physical_device_drm); a driver that is software
    // does. Asks the driver.
    Answer sees_cpu_caches() const noexcept;

    // A new allocator of this device, counted like any other object, and without a name: those of the
    // registry ("vulkan/0") make the same memory of the device that open() gives. Errors: unsupported (the
    // driver has no such memory, or cannot export), with what is missing; exhausted.
    Result<AllocatorRef> allocator(Placement placement) noexcept;

    // `memory` as a VkBuffer: as it is where this device made it, else imported by its dma-buf (one import
    // for each device and dma-buf, however often this is called, as long as one Buffer of it lives). Errors:
    // unsupported (no dma-buf, or the driver cannot import), permission (the descriptor is read-only and the
    // driver needs more), incompatible (refused by the driver: with the sizes and memory types), exhausted.
    // Buffer::size() may be less than the memory's: memory_size_for_buffer() says how to have all of it.
    Result<Buffer> buffer(Memory& memory) noexcept;
    Result<Buffer> buffer(const MemoryRef& memory) noexcept { // invalid where it holds no memory
        return memory ? buffer(*memory) : Error(ErrorKind::invalid, "there is no memory");
    }
    // How large memory has to be, in bytes, so that its Buffer has `size` bytes: more than `size` on a driver
    // that pads buffers, which is asked. Errors: limit (no size is that large), and what the driver answers.
    Result<VkDeviceSize> memory_size_for_buffer(VkDeviceSize size) const noexcept;
    // The picture in `memory` as a VkImage with exactly this layout (VK_EXT_image_drm_format_modifier).
    // Pixels of Y'CbCr are sampled by sampler_conversion(), or by views of the planes
    // (Texture::plane_views()). Errors: as buffer(), and invalid (no pixels, no planes, no usage),
    // unsupported (no such format, modifier or usage; a usage that takes a feature which the VkDevice lacks,
    // by its name), incompatible (the planes do not lie inside the memory's window, or the driver cannot have
    // this pitch or offset). Linear pixels can be used by buffer() instead, after any of these but a lost
    // device: drivers refuse a pitch with VK_ERROR_INITIALIZATION_FAILED, out of memory, and more.
    Result<Texture> texture(Memory& memory, const ImageLayout& layout,
                            VkImageUsageFlags usage = VK_IMAGE_USAGE_SAMPLED_BIT |
                                                      VK_IMAGE_USAGE_TRANSFER_SRC_BIT) noexcept;
    Result<Texture> texture(const MemoryRef& memory, const ImageLayout& layout, // invalid where it holds none
                            VkImageUsageFlags usage = VK_IMAGE_USAGE_SAMPLED_BIT |
                                                      VK_IMAGE_USAGE_TRANSFER_SRC_BIT) noexcept {
        return memory ? texture(*memory, layout, usage) : Error(ErrorKind::invalid, "there is no memory");
    }
    // What turns the Y'CbCr pixels of `layout` into R'G'B' when they are sampled (Vulkan, "Sampler Y'CBCR
    // Conversion"), for the layout's format, modifier, matrix and range. A layout that does not tell its
    // matrix is taken to be BT.709 above 1024x576 pixels, else BT.601, and one without a range to be limited.
    // Where the driver has one place only for chroma samples, or no linear filter for them, that is what the
    // conversion has: SamplerConversion::create_info() tells. Errors: invalid (no Y'CbCr pixels, which need
    // none), unsupported (the feature sampler_ycbcr_conversion is not enabled; the driver lacks the format or
    // modifier; no such matrix in Vulkan), exhausted.
    Result<SamplerConversion> sampler_conversion(const ImageLayout& layout, const ChromaSiting& siting = {},
                                                 VkFilter chroma_filter = VK_FILTER_LINEAR) noexcept;
    // The modifiers that the driver has for a format and usage; linear is 0. Errors: invalid (no usage),
    // unsupported (none), exhausted.
    Result<std::vector<std::uint64_t>> modifiers(std::uint32_t drm_fourcc, VkImageUsageFlags usage) noexcept;

    // For each heap. Asks the driver at each call where it has VK_EXT_memory_budget, which costs system
    // calls: for now and then, not for every frame. Errors: exhausted.
    Result<std::vector<HeapStatistics>> heaps() const noexcept;

    // The barriers around each use of a foreign buffer (Vulkan, "Queue Family Ownership Transfer";
    // VK_QUEUE_FAMILY_FOREIGN_EXT, or EXTERNAL where the driver lacks it). For a buffer that is not foreign
    // they are plain memory barriers. `access`: what the work in between does.
    VkBufferMemoryBarrier acquire_barrier(const Buffer& buffer, VkAccessFlags access) const noexcept;
    VkBufferMemoryBarrier release_barrier(const Buffer& buffer, VkAccessFlags access) const noexcept;
    // The same for a picture, whose layout changes with its owner. `layout`: that of the work in between.
    // Both sides of a hand-over have to name the same layouts, and outside there is one for all:
    // VK_IMAGE_LAYOUT_GENERAL. So acquire is GENERAL -> `layout` and keeps what the owner before has written
    // (a camera, another device, the CPU by Memory::map()), and release is `layout` -> GENERAL. That holds
    // for the first acquire too: the VK_IMAGE_LAYOUT_UNDEFINED that such a VkImage is created with stands for
    // the layout that its first acquire from outside names (Vulkan, "External Resource Sharing").
    VkImageMemoryBarrier acquire_barrier(const Texture& texture, VkAccessFlags access,
                                         VkImageLayout layout = VK_IMAGE_LAYOUT_GENERAL) const noexcept;
    VkImageMemoryBarrier release_barrier(const Texture& texture, VkAccessFlags access,
                                         VkImageLayout layout = VK_IMAGE_LAYOUT_GENERAL) const noexcept;
    // Instead of acquire_barrier() where nobody's pixels are wanted, as all are drawn anew: fresh memory of
    // alloc_image(), which nobody has had and released, or a picture that is drawn whole. UNDEFINED ->
    // `layout`, with no owner before; the pixels are undefined until they are drawn.
    VkImageMemoryBarrier discard_barrier(const Texture& texture, VkAccessFlags access,
                                         VkImageLayout layout = VK_IMAGE_LAYOUT_GENERAL) const noexcept;

private:
    HWALLOC_LOCAL explicit Device(std::shared_ptr<detail::Session> session) noexcept;
    std::shared_ptr<detail::Session> session_;
};

// ---- in plans

// A GPU as a participant of plans (hwalloc/plan.h): it imports memory as a VkImage with `usage` where its
// driver can have the layout, else, linear pixels, as a VkBuffer; 0: as a VkBuffer always. Brings the
// device's own exportable memory. Thread-safe. Errors: invalid (moved from), exhausted.
HWALLOC_API Result<ParticipantRef>
participant(const Device& device,
            VkImageUsageFlags usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT) noexcept;

} // namespace hwalloc::vulkan
