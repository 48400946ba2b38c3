#include "backends/vulkan/session.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <new>

#include "backends/vulkan/allocators.h"
#include "backends/vulkan/imports.h"
#include "backends/vulkan/result.h"
#include "backends/vulkan/slabs.h"
#include "backends/vulkan/transfer.h"
#include "backends/vulkan/vma.h"

namespace hwalloc::vulkan {

std::span<const char* const> required_device_extensions() noexcept {
    static constexpr std::array names{VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                                      VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME};
    return names;
}

std::span<const char* const> optional_device_extensions() noexcept {
    static constexpr std::array names{
        VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME,
        VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME,
        VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME};
    return names;
}

namespace detail {
namespace {

Result<std::vector<const char*>> wanted_extensions(const Functions& functions, VkPhysicalDevice device) {
    auto there = extensions_of(functions, device);
    if (!there)
        return std::move(there).error();
    std::vector<const char*> names;
    for (const auto list : {required_device_extensions(), optional_device_extensions()})
        for (const char* name : list)
            if (contains(*there, name))
                names.push_back(name);
    // It needs the list of formats (core in Vulkan 1.2, and offered by every driver beside it).
    if (!contains(*there, VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME))
        std::erase_if(names, [](std::string_view name) {
            return name == VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME;
        });
    return names;
}

bool has(std::span<const char* const> extensions, std::string_view name) {
    return std::any_of(extensions.begin(), extensions.end(), [&](const char* one) { return name == one; });
}

} // namespace
} // namespace detail

Result<std::vector<const char*>> device_extensions(VkPhysicalDevice physical_device,
                                                   PFN_vkGetInstanceProcAddr get_instance_proc_addr,
                                                   VkInstance instance) noexcept {
    return without_exceptions([&]() -> Result<std::vector<const char*>> {
        detail::Functions functions;
        if (!instance || !physical_device)
            return Error(ErrorKind::invalid, "a Vulkan handle is null");
        if (!functions.load_global(get_instance_proc_addr) || !functions.load_instance(instance))
            return Error(ErrorKind::unsupported, "the VkInstance lacks functions of Vulkan 1.1");
        return detail::wanted_extensions(functions, physical_device);
    });
}

namespace detail {

Session::Session() noexcept = default;

Session::~Session() {
    transfer.reset();
    imports.reset();
    for (auto& each : slabs)
        each.reset();
    if (vma)
        vmaDestroyAllocator(vma);
    if (owned && device)
        functions.DestroyDevice(device, nullptr);
}

Error Session::refused(VkResult result, const char* doing, const char* call) const noexcept {
    if (result == VK_ERROR_DEVICE_LOST)
        lost_.store(true, std::memory_order_relaxed);
    return detail::refused(result, doing, call).on(name);
}

Result<std::shared_ptr<Session>> Session::open(Instance& from, const PhysicalDevice& chosen) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<Session>> {
        auto session = std::make_shared<Session>();
        session->functions = from.functions();
        session->instance = from.handle();
        session->physical_device = chosen.handle;
        session->name = chosen.name;
        session->index = chosen.index;
        session->api_version = chosen.api_version;
        session->owned = true;
        auto extensions = wanted_extensions(session->functions, chosen.handle);
        if (!extensions)
            return std::move(extensions).error().on(chosen.name);
        if (chosen.api_version < VK_API_VERSION_1_1)
            return Error(ErrorKind::unsupported, "the driver knows Vulkan 1.0 only, and 1.1 is needed")
                .on(chosen.name);

        std::uint32_t count = 0;
        session->functions.GetPhysicalDeviceQueueFamilyProperties(chosen.handle, &count, nullptr);
        std::vector<VkQueueFamilyProperties> families(count);
        session->functions.GetPhysicalDeviceQueueFamilyProperties(chosen.handle, &count, families.data());
        // Compute is what converting a frame takes; graphics beside it suits an application that shares the
        // device.
        std::uint32_t family = count;
        constexpr VkQueueFlags compute = VK_QUEUE_COMPUTE_BIT, graphics = VK_QUEUE_GRAPHICS_BIT;
        for (const VkQueueFlags wanted : {compute | graphics, compute})
            for (std::uint32_t i = 0; i < count && family == count; ++i)
                if ((families[i].queueFlags & wanted) == wanted)
                    family = i;
        if (family == count)
            return Error(ErrorKind::unsupported, "the Vulkan device has no queue for compute")
                .on(chosen.name);
        constexpr float priority = 1;
        const VkDeviceQueueCreateInfo queue_info{.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                                 .queueFamilyIndex = family,
                                                 .queueCount = 1,
                                                 .pQueuePriorities = &priority};
        const VkDeviceCreateInfo info{.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                      .queueCreateInfoCount = 1,
                                      .pQueueCreateInfos = &queue_info,
                                      .enabledExtensionCount = static_cast<std::uint32_t>(extensions->size()),
                                      .ppEnabledExtensionNames = extensions->data()};
        VkDevice made = VK_NULL_HANDLE; // undefined after a failure
        if (const VkResult result = session->functions.CreateDevice(chosen.handle, &info, nullptr, &made);
            result != VK_SUCCESS)
            return session->refused(result, "opening a Vulkan device", "vkCreateDevice");
        session->device = made;
        session->queue_family = family;
        if (!session->functions.load_device(session->device)) {
            // What would destroy it may be what is missing.
            session->owned = session->functions.DestroyDevice != nullptr;
            return Error(ErrorKind::unsupported, "the driver lacks functions of Vulkan 1.1").on(chosen.name);
        }
        session->functions.GetDeviceQueue(session->device, family, 0, &session->queue);
        if (auto done = session->set_up(*extensions); !done)
            return std::move(done).error();
        return session;
    });
}

Result<std::shared_ptr<Session>> Session::wrap(const Handles& handles) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<Session>> {
        if (!handles.instance || !handles.physical_device || !handles.device)
            return Error(ErrorKind::invalid, "a Vulkan handle is null");
        if (handles.api_version < VK_API_VERSION_1_1)
            return Error(ErrorKind::unsupported, "a VkDevice made for Vulkan 1.1 or later is needed");
        auto session = std::make_shared<Session>();
        session->instance = handles.instance;
        session->physical_device = handles.physical_device;
        session->device = handles.device;
        session->api_version = handles.api_version;
        session->queue = handles.queue;
        session->queue_family = handles.queue_family;
        if (handles.queue_mutex)
            session->queue_mutex = handles.queue_mutex;
        Functions& functions = session->functions;
        if (!functions.load_global(handles.get_instance_proc_addr) ||
            !functions.load_instance(handles.instance) || !functions.load_device(handles.device))
            return Error(ErrorKind::unsupported, "the VkInstance or VkDevice lacks functions of Vulkan 1.1");
        VkPhysicalDeviceProperties properties{};
        functions.GetPhysicalDeviceProperties(handles.physical_device, &properties);
        session->name = properties.deviceName;
        if (auto done = session->set_up(handles.enabled_extensions); !done)
            return std::move(done).error();
        return session;
    });
}

// What the device is and can do, and what the library keeps for it. `extensions`: enabled on the VkDevice.
Result<void> Session::set_up(std::span<const char* const> extensions) {
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
                              [&](const char* one) { return has(extensions, one); }) &&
                  functions.GetMemoryFdKHR && functions.GetMemoryFdPropertiesKHR;
    has_modifiers = has_dma_buf && has(extensions, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME) &&
                    functions.GetImageDrmFormatModifierPropertiesEXT;
    has_foreign = has(extensions, VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME);
    has_budget = has(extensions, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    if (auto probed = probe_buffers(); !probed)
        return probed;
    if (auto made = make_vma(); !made)
        return made;
    for (const bool mapped : {false, true})
        slabs[mapped] = std::make_unique<Slabs>(*this, mapped);
    imports = std::make_unique<Imports>(*this);
    if (queue) {
        transfer = std::make_unique<Transfer>(*this);
        if (auto ready = transfer->prepare(); !ready)
            return ready;
    }
    return {};
}

Answer Session::sees_cpu_caches() const noexcept {
    if (devices_see_cpu_caches != Answer::unknown)
        return devices_see_cpu_caches; // the architecture's answer needs no driver's
    const auto there = extensions_of(functions, physical_device);
    const bool tells_nodes = there && contains(*there, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME);
    VkPhysicalDeviceDrmPropertiesEXT drm{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT};
    VkPhysicalDeviceProperties2 properties{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                           .pNext = tells_nodes ? &drm : nullptr};
    functions.GetPhysicalDeviceProperties2(physical_device, &properties);
    if (properties.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
        return Answer::yes;
    const bool renders = drm.hasRender;
    return renders || drm.hasPrimary
               ? hwalloc::sees_cpu_caches(
                     makedev(static_cast<unsigned>(renders ? drm.renderMajor : drm.primaryMajor),
                             static_cast<unsigned>(renders ? drm.renderMinor : drm.primaryMinor)))
               : devices_see_cpu_caches;
}

Result<VkBuffer> Session::make_buffer(VkDeviceSize size, bool with_dma_buf) const noexcept {
    const VkExternalMemoryBufferCreateInfo shared{
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT};
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

Result<void> Session::probe_buffers() noexcept {
    constexpr VkDeviceSize odd = 12345; // shows whether sizes are rounded up
    auto buffer = make_buffer(odd, false);
    if (!buffer)
        return std::move(buffer).error();
    VkMemoryRequirements needs{};
    functions.GetBufferMemoryRequirements(device, *buffer, &needs);
    functions.DestroyBuffer(device, *buffer, nullptr);
    buffer_types = needs.memoryTypeBits;
    buffer_alignment = std::max<VkDeviceSize>(needs.alignment, 1);
    rounds_buffers = needs.size > odd;
    if (!has_dma_buf)
        return {};
    const VkPhysicalDeviceExternalBufferInfo question{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = buffer_usage,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT};
    VkExternalBufferProperties answer{.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    functions.GetPhysicalDeviceExternalBufferProperties(physical_device, &question, &answer);
    const auto features = answer.externalMemoryProperties.externalMemoryFeatures;
    external = {.exportable = (features & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT) != 0,
                .importable = (features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0,
                .dedicated_only = (features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) != 0};
    return {};
}

Result<void> Session::make_vma() noexcept {
    const VmaVulkanFunctions table{
        .vkGetInstanceProcAddr = functions.GetInstanceProcAddr,
        .vkGetDeviceProcAddr = functions.GetDeviceProcAddr,
        .vkGetPhysicalDeviceProperties = functions.GetPhysicalDeviceProperties,
        .vkGetPhysicalDeviceMemoryProperties = functions.GetPhysicalDeviceMemoryProperties,
        .vkAllocateMemory = allocate_for_vma,
        .vkFreeMemory = functions.FreeMemory,
        .vkMapMemory = functions.MapMemory,
        .vkUnmapMemory = functions.UnmapMemory,
        .vkFlushMappedMemoryRanges = functions.FlushMappedMemoryRanges,
        .vkInvalidateMappedMemoryRanges = functions.InvalidateMappedMemoryRanges,
        .vkBindBufferMemory = functions.BindBufferMemory,
        .vkBindImageMemory = functions.BindImageMemory,
        .vkGetBufferMemoryRequirements = functions.GetBufferMemoryRequirements,
        .vkGetImageMemoryRequirements = functions.GetImageMemoryRequirements,
        .vkCreateBuffer = functions.CreateBuffer,
        .vkDestroyBuffer = functions.DestroyBuffer,
        .vkCreateImage = functions.CreateImage,
        .vkDestroyImage = functions.DestroyImage,
        .vkCmdCopyBuffer = functions.CmdCopyBuffer,
        .vkGetBufferMemoryRequirements2KHR = functions.GetBufferMemoryRequirements2,
        .vkGetImageMemoryRequirements2KHR = functions.GetImageMemoryRequirements2,
        .vkBindBufferMemory2KHR = functions.BindBufferMemory2,
        .vkBindImageMemory2KHR = functions.BindImageMemory2,
        .vkGetPhysicalDeviceMemoryProperties2KHR = functions.GetPhysicalDeviceMemoryProperties2,
        .vkGetDeviceBufferMemoryRequirements = nullptr,
        .vkGetDeviceImageMemoryRequirements = nullptr,
        .vkGetMemoryWin32HandleKHR = nullptr};
    // Without VK_EXT_memory_budget: VMA would ask the driver again at every 30th piece, which costs system
    // calls. Session::heaps() asks for itself.
    VmaAllocatorCreateInfo info{};
    info.physicalDevice = physical_device;
    info.device = device;
    info.instance = instance;
    info.pVulkanFunctions = &table;
    info.vulkanApiVersion = VK_API_VERSION_1_1;
    if (const VkResult result = vmaCreateAllocator(&info, &vma); result != VK_SUCCESS)
        return refused(result, "setting up suballocation", "vmaCreateAllocator");
    return {};
}

int Session::mappable_type(std::uint32_t bits) const noexcept {
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

} // namespace detail
} // namespace hwalloc::vulkan
