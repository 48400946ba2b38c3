#include "backends/vulkan/session.h"

#include <algorithm>

#include "backends/vulkan/features.h"
#include "backends/vulkan/vma.h"
#include "backends/vulkan/vma_memory.h"
#include "common/taken_streams.h"

namespace hwalloc::vulkan::detail {

Session::Session() noexcept = default;

Session::~Session() {
    transfer.reset();
    imports.reset();
    for (auto& each : slabs)
        each.reset();
    if (vma && of_this_process())
        vmaDestroyAllocator(vma);
}

Result<std::shared_ptr<Session>> Session::open(const Functions& functions, VkInstance instance,
                                               const PhysicalDevice& chosen) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<Session>> {
        const TakenStreams taken; // drivers open files of their own
        auto session = std::make_shared<Session>();
        session->functions = functions;
        session->instance = instance;
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
        FeatureChain features(chosen.api_version, *extensions);
        features.ask(session->functions, chosen.handle);
        session->enabled_features = features.features();
        const VkDeviceCreateInfo info{.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                      .pNext = features.enable(),
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
        session->enabled_features = features_in(handles.enabled_features);
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

Result<void> Session::set_up(std::span<const char* const> extensions) {
    if (auto examined = examine(extensions); !examined)
        return examined;
    if (auto created = create_vma(*this); !created)
        return created;
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

std::vector<HeapStatistics> Session::heaps() const {
    std::vector<HeapStatistics> heaps = heap_statistics();
    for (HeapStatistics& heap : heaps)
        // A chunk counts for what is given out of it. (It may have come or gone since VMA was asked.)
        for (const auto& each : slabs) {
            const Slabs::Count count = each->count(heap.index);
            heap.suballocated -= std::min(heap.suballocated, count.chunk_bytes);
            heap.suballocated += count.piece_bytes;
            heap.suballocations -= std::min(heap.suballocations, count.chunks);
            heap.suballocations += count.pieces;
        }
    return heaps;
}

} // namespace hwalloc::vulkan::detail
