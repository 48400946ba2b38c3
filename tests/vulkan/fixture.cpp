#include "tests/vulkan/fixture.h"

#include <algorithm>
#include <stdexcept>

namespace hwalloc::vulkan::testing {
namespace {

constexpr const char* layer = "VK_LAYER_KHRONOS_validation";

bool layer_is_there() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false; // it is other people's code, and only its own calls would be judged
#else
    std::uint32_t count = 0;
    vkEnumerateInstanceLayerProperties(&count, nullptr);
    std::vector<VkLayerProperties> layers(count);
    vkEnumerateInstanceLayerProperties(&count, layers.data());
    return std::any_of(layers.begin(), layers.end(),
                       [](const VkLayerProperties& one) { return std::strcmp(one.layerName, layer) == 0; });
#endif
}

VkBool32 VKAPI_CALL listen(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
                           const VkDebugUtilsMessengerCallbackDataEXT* data, void* user) {
    auto& app = *static_cast<Application*>(user);
    std::lock_guard guard(app.complaints_mutex);
    app.complaints.emplace_back(data->pMessage);
    return VK_FALSE;
}

void must(VkResult result, const char* call) {
    if (result != VK_SUCCESS)
        throw std::runtime_error(std::string(call) + ": " + std::string(vk_result_name(result)));
}

// Keeps the driver in the process. One that is unloaded takes its static objects with it, and LeakSanitizer
// then calls what they pointed to a leak, of code that has no name any more.
void keep_driver() {
    static VkInstance kept = [] {
        VkInstanceCreateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
        VkInstance instance = VK_NULL_HANDLE;
        std::uint32_t count = 0;
        if (vkCreateInstance(&info, nullptr, &instance) == VK_SUCCESS)
            vkEnumeratePhysicalDevices(instance, &count, nullptr);
        return instance;
    }();
    (void)kept;
}

} // namespace

Application::Application() {
    keep_driver();
    // The layer checks every call, which an emulated machine takes minutes for: there it is asked for.
    validated = layer_is_there() && (!in_lab() || std::getenv("HWALLOC_VALIDATE"));
    EXPECT_TRUE(validated || !std::getenv("HWALLOC_VALIDATE")) << layer << " is not installed";
    const VkDebugUtilsMessengerCreateInfoEXT listener{
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .pNext = nullptr,
        .flags = 0,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType =
            VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT,
        .pfnUserCallback = listen,
        .pUserData = this};
    VkApplicationInfo application{};
    application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
    application.apiVersion = VK_API_VERSION_1_1;
    VkInstanceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
    info.pApplicationInfo = &application;
    const char* debug = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    if (validated) {
        info.pNext = &listener; // for vkCreateInstance and vkDestroyInstance themselves
        info.enabledLayerCount = 1;
        info.ppEnabledLayerNames = &layer;
        info.enabledExtensionCount = 1;
        info.ppEnabledExtensionNames = &debug;
    }
    must(vkCreateInstance(&info, nullptr, &instance), "vkCreateInstance");
    if (validated) {
        const auto make = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
            vkGetInstanceProcAddr(instance, "vkCreateDebugUtilsMessengerEXT"));
        must(make(instance, &listener, nullptr, &messenger_), "vkCreateDebugUtilsMessengerEXT");
    }
    std::uint32_t count = 0;
    vkEnumeratePhysicalDevices(instance, &count, nullptr);
    std::vector<VkPhysicalDevice> devices(count);
    vkEnumeratePhysicalDevices(instance, &count, devices.data());
    if (devices.empty())
        throw std::runtime_error("there is no Vulkan device");
    physical_device = devices[0];
    auto wanted = device_extensions(physical_device, vkGetInstanceProcAddr, instance);
    if (!wanted)
        throw std::runtime_error(wanted.error().message());
    extensions = std::move(*wanted);
    auto features = device_features(physical_device, vkGetInstanceProcAddr, instance);
    if (!features)
        throw std::runtime_error(features.error().message());
    ycbcr.samplerYcbcrConversion = features->sampler_ycbcr_conversion ? VK_TRUE : VK_FALSE;
    constexpr float priority = 1; // lavapipe's one family does everything
    VkDeviceQueueCreateInfo queues{};
    queues.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
    queues.queueCount = 1;
    queues.pQueuePriorities = &priority;
    VkDeviceCreateInfo device_info{};
    device_info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
    device_info.pNext = &ycbcr;
    device_info.queueCreateInfoCount = 1;
    device_info.pQueueCreateInfos = &queues;
    device_info.enabledExtensionCount = static_cast<std::uint32_t>(extensions.size());
    device_info.ppEnabledExtensionNames = extensions.data();
    must(vkCreateDevice(physical_device, &device_info, nullptr, &device), "vkCreateDevice");
    vkGetDeviceQueue(device, 0, 0, &queue);
}

Application::~Application() {
    if (device)
        vkDestroyDevice(device, nullptr);
    if (messenger_) {
        const auto end = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
            vkGetInstanceProcAddr(instance, "vkDestroyDebugUtilsMessengerEXT"));
        end(instance, messenger_, nullptr);
    }
    if (instance)
        vkDestroyInstance(instance, nullptr);
}

Handles Application::handles() const {
    return {.instance = instance,
            .physical_device = physical_device,
            .device = device,
            .get_instance_proc_addr = vkGetInstanceProcAddr,
            .api_version = VK_API_VERSION_1_1,
            .enabled_extensions = extensions,
            .enabled_features = &ycbcr,
            .queue = queue,
            .queue_family = queue_family,
            .queue_mutex = &queue_mutex};
}

void VulkanTest::SetUp() {
    try {
        app = std::make_unique<Application>();
    } catch (const std::runtime_error& missing) {
        MISSING(std::string("no Vulkan here: ") + missing.what());
    }
    watch = std::make_unique<DriverWatch>();
}

void VulkanTest::TearDown() {
    if (watch) {
        EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{})) << "is left when the device is gone";
        EXPECT_EQ(watch->faults(), std::vector<std::string>{});
    }
    watch.reset();
    if (!app)
        return;
    if (app->device)
        vkDestroyDevice(app->device, nullptr); // the layer tells what is left over
    app->device = VK_NULL_HANDLE;
    std::lock_guard guard(app->complaints_mutex);
    for (const std::string& complaint : app->complaints)
        EXPECT_TRUE(
            std::any_of(expected_complaints.begin(), expected_complaints.end(),
                        [&](const std::string& one) { return complaint.find(one) != std::string::npos; }))
            << "the validation layer: " << complaint;
}

void VulkanTest::fill(Memory& memory, unsigned seed) {
    auto mapping = memory.map(MapFlags::write);
    ASSERT_TRUE(mapping) << why(mapping);
    for (std::size_t i = 0; i < mapping->size(); ++i)
        mapping->data()[i] = static_cast<std::uint8_t>(i * 7 + i / 251 + seed);
    auto ended = mapping->unmap();
    ASSERT_TRUE(ended) << why(ended);
}
void VulkanTest::expect_filled(Memory& memory, unsigned seed, std::size_t offset) {
    auto mapping = memory.map(MapFlags::read);
    ASSERT_TRUE(mapping) << why(mapping);
    for (std::size_t i = 0; i < mapping->size(); ++i) {
        const std::size_t at = i + offset;
        ASSERT_EQ(mapping->data()[i], static_cast<std::uint8_t>(at * 7 + at / 251 + seed)) << "at " << i;
    }
}

void VulkanTest::run(const std::function<void(VkCommandBuffer)>& record) const {
    VkCommandPoolCreateInfo pool_info{};
    pool_info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
    VkCommandPool pool;
    must(vkCreateCommandPool(app->device, &pool_info, nullptr, &pool), "vkCreateCommandPool");
    VkCommandBufferAllocateInfo one{};
    one.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
    one.commandPool = pool;
    one.commandBufferCount = 1;
    VkCommandBuffer commands;
    must(vkAllocateCommandBuffers(app->device, &one, &commands), "vkAllocateCommandBuffers");
    VkCommandBufferBeginInfo begin{};
    begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
    must(vkBeginCommandBuffer(commands, &begin), "vkBeginCommandBuffer");
    record(commands);
    must(vkEndCommandBuffer(commands), "vkEndCommandBuffer");
    VkSubmitInfo submit{};
    submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
    submit.commandBufferCount = 1;
    submit.pCommandBuffers = &commands;
    {
        std::lock_guard guard(app->queue_mutex);
        must(vkQueueSubmit(app->queue, 1, &submit, VK_NULL_HANDLE), "vkQueueSubmit");
        must(vkQueueWaitIdle(app->queue), "vkQueueWaitIdle");
    }
    vkDestroyCommandPool(app->device, pool, nullptr);
}

void DmaBufVulkanTest::SetUp() {
    VulkanTest::SetUp();
    if (HasFatalFailure() || IsSkipped())
        return;
    Device device = wrap();
    if (!device.exports_dma_buf() || !device.imports_dma_buf())
        MISSING("the Vulkan driver " + device.name() +
                " has no dma-bufs here (Mesa's lavapipe: 24.1 and /dev/udmabuf)");
}

} // namespace hwalloc::vulkan::testing
