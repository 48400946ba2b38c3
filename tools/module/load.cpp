#include "tools/module/load.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <climits>

#include "hwalloc/inventory.h"
#include "tools/module/interface.h"

namespace hwalloc::tools {
namespace {

constexpr const char* module_name = "hwalloc-devices.so";

// Where the module may be: beside the command in a build, in a directory of its own when installed. Relative
// to the command, so that an installation can be moved.
std::vector<std::string> places() {
    char self[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
    if (length <= 0)
        return {};
    std::string directory(self, static_cast<std::size_t>(length));
    directory.resize(directory.rfind('/') + 1);
    return {directory + module_name, directory + HWALLOC_FROM_BIN_TO_DEVICES "/" + module_name};
}

Result<const DeviceModule*> load_module() {
    std::string found;
    for (std::string& place : places())
        if (found.empty() && ::access(place.c_str(), F_OK) == 0)
            found = std::move(place);
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
