#include "tools/module/load.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "hwalloc/inventory.h"
#include "tools/module/interface.h"
#include "tools/module/place.h"

namespace hwalloc::tools {
namespace {

constexpr const char* module_name = "hwalloc-devices.so";

Result<const DeviceModule*> load_module() {
    const std::string found = place_of_part(module_name);
    if (found.empty())
        return Error(ErrorKind::unavailable, "using a GPU or a display")
            .doing(
                "this hwalloc has no part for GPUs and displays: it was built without Vulkan, or that part "
                "is not installed")
            .on(module_name)
            .remedy("install it, or build with -DHWALLOC_VULKAN=ON");
    // Never unloaded: drivers leave threads behind, and what it made may outlive whoever asked for it.
    void* module = ::dlopen(found.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!module)
        return Error(ErrorKind::unavailable, "using a GPU or a display")
            .doing(fmt::format("loading the part for GPUs and displays: {}", ::dlerror()))
            .on(found)
            .call("dlopen")
            .remedy("install the Vulkan loader and a driver (Debian: libvulkan1, mesa-vulkan-drivers)");
    const auto* devices = static_cast<const DeviceModule*>(::dlsym(module, "hwalloc_devices"));
    if (!devices || devices->size != sizeof(DeviceModule) || devices->version != version())
        return Error(ErrorKind::unsupported, "the part for GPUs and displays is of another build")
            .on(found)
            .remedy(fmt::format("install the one that belongs to hwalloc {}", version()));
    return devices;
}

} // namespace

Result<std::unique_ptr<FrameConsumer>> open_consumer(const ConsumerRequest& request) {
    auto module = load_module();
    if (!module)
        return std::move(module).error();
    return (*module)->open(request);
}

Result<GpuFacts> gpu_facts(Allocator& allocator) {
    auto module = load_module();
    if (!module)
        return std::move(module).error();
    return (*module)->describe_gpu(allocator);
}

} // namespace hwalloc::tools
