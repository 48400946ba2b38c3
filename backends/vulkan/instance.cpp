#include "backends/vulkan/instance.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "backends/vulkan/result.h"
#include "backends/vulkan/session.h"
#include "common/fixed_text.h"
#include "common/open_files.h"
#include "common/taken_streams.h"

namespace hwalloc::vulkan::detail {
namespace {

constexpr const char* no_driver =
    "install a Vulkan driver for the GPU (Debian: mesa-vulkan-drivers, which has one that needs no GPU too)";

// What is refused before there is a device, or told as a lack of devices.
Error refused_start(VkResult result, const char* doing, const char* call) noexcept {
    Error error = refused(result, doing, call);
    return error.remedy().empty() ? std::move(error).remedy(no_driver) : std::move(error);
}

} // namespace

Instance::~Instance() {
    if (handle_ && functions_.DestroyInstance)
        functions_.DestroyInstance(handle_, nullptr);
}

Result<void> Instance::make() {
    const TakenStreams taken; // loaders, layers and drivers open files of their own
    if (!functions_.load_global(nullptr))
        return Error(ErrorKind::unsupported, "the Vulkan loader knows version 1.0 only, and 1.1 is needed");
    std::uint32_t loader = VK_API_VERSION_1_0;
    if (const VkResult result = functions_.EnumerateInstanceVersion(&loader); result != VK_SUCCESS)
        return refused(result, "asking the Vulkan loader for its version", "vkEnumerateInstanceVersion");
    api_version_ = std::min<std::uint32_t>(loader, VK_API_VERSION_1_3);
    const VkApplicationInfo application{
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .pEngineName = "hwalloc", .apiVersion = api_version_};
    const VkInstanceCreateInfo info{.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                    .pApplicationInfo = &application};
    VkInstance fresh = VK_NULL_HANDLE; // undefined after a failure
    if (const VkResult result = functions_.CreateInstance(&info, nullptr, &fresh); result != VK_SUCCESS)
        return refused_start(result, "starting Vulkan", "vkCreateInstance");
    handle_ = fresh;
    if (!functions_.load_instance(handle_))
        return Error(ErrorKind::unsupported, "the Vulkan loader lacks functions of Vulkan 1.1");
    std::vector<VkPhysicalDevice> handles;
    VkResult result;
    do {
        std::uint32_t count = 0;
        result = functions_.EnumeratePhysicalDevices(handle_, &count, nullptr);
        if (result != VK_SUCCESS)
            break;
        handles.resize(count);
        result = functions_.EnumeratePhysicalDevices(handle_, &count, handles.data());
        handles.resize(count);
    } while (result == VK_INCOMPLETE);
    if (result != VK_SUCCESS)
        return refused_start(result, "looking for Vulkan devices", "vkEnumeratePhysicalDevices");
    if (const int answer = handles.empty() ? too_many_files() : 0; answer < 0)
        return with_open_files_remedy(Error::from_errno(-answer, "looking for Vulkan devices"), answer);
    if (handles.empty())
        return Error(ErrorKind::unavailable, "there is no Vulkan device").remedy(no_driver);
    for (std::size_t i = 0; i < handles.size(); ++i)
        devices_.push_back(describe(functions_, handles[i], i, api_version_));
    sessions_.resize(devices_.size());
    return {};
}

Result<Instance*> Instance::get() noexcept {
    return without_exceptions([]() -> Result<Instance*> {
        // Never destroyed: allocators outlive every other static object.
        static std::atomic<Instance*> kept{nullptr};
        Instance* instance = kept.load(std::memory_order_acquire);
        if (instance)
            return instance;
        std::unique_ptr<Instance> fresh(new Instance);
        auto done = fresh->make();
        if (!done)
            return std::move(done).error();
        if (kept.compare_exchange_strong(instance, fresh.get(), std::memory_order_acq_rel))
            return fresh.release();
        return instance;
    });
}

Result<const PhysicalDevice*> Instance::choose(std::string_view which) const noexcept {
    return without_exceptions([&]() -> Result<const PhysicalDevice*> {
        const auto first = [&](auto&& does) -> const PhysicalDevice* {
            const auto found = std::find_if(devices_.begin(), devices_.end(), does);
            return found == devices_.end() ? nullptr : &*found;
        };
        const PhysicalDevice* found = nullptr;
        if (which.empty()) {
            found = first([](const PhysicalDevice& device) { return device.imports_dma_buf; });
            return found ? found : &devices_.front();
        }
        found = first([&](const PhysicalDevice& device) { return device.index == which; });
        constexpr std::string_view directory = "/dev/dri/";
        const std::string_view node = which.starts_with(directory) ? which.substr(directory.size()) : which;
        if (!found && !node.empty()) // which is what a device without a node has
            found = first([&](const PhysicalDevice& device) {
                return device.render_node == node || device.primary_node == node;
            });
        const bool number = which.find_first_not_of("0123456789") == std::string_view::npos;
        if (!found && !number)
            found = first([part = lower(which)](const PhysicalDevice& device) {
                return lower(device.name).find(part) != std::string::npos;
            });
        if (found)
            return found;
        std::string there;
        for (const PhysicalDevice& device : devices_)
            there.append(there.empty() ? "" : ", ").append(device.index + " (" + device.name + ")");
        return Error(ErrorKind::unavailable, "choosing a Vulkan device")
            .doing(FixedText("no Vulkan device is called \"", which, "\""))
            .remedy("there are: " + there);
    });
}

std::shared_ptr<Session> Instance::opened(std::size_t position) noexcept {
    const std::lock_guard guard(mutex_);
    const auto& session = sessions_[position];
    return session && !session->lost() ? session : nullptr;
}

Result<std::shared_ptr<Session>> Instance::session(const PhysicalDevice& device) noexcept {
    if (fork_depth() != made_at_depth_)
        return inherited(device.name);
    const auto position = static_cast<std::size_t>(&device - devices_.data());
    if (auto session = opened(position))
        return session;
    auto fresh = Session::open(functions_, handle_, device);
    if (!fresh) {
        // Another thread may have been luckier meanwhile.
        if (auto session = opened(position))
            return session;
        return fresh;
    }
    std::shared_ptr<Session> not_kept; // goes after the lock: a lost one, or this thread's own
    const std::lock_guard guard(mutex_);
    auto& session = sessions_[position];
    if (session && !session->lost())
        not_kept = *std::move(fresh);
    else
        not_kept = std::exchange(session, *std::move(fresh));
    return session;
}

} // namespace hwalloc::vulkan::detail
