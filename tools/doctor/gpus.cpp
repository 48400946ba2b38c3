// Vulkan's drivers: whether there are any, and which of the extensions they have that the library can use.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/doctor/checks.h"
#include "tools/module/load.h"

namespace hwalloc::tools::diagnosis {
namespace {

void tell(const std::string& id, const GpuFacts& gpu, Checks& checks) {
    std::vector<std::string> needed, wanted;
    Json extensions = Json::object();
    for (const GpuFacts::Extension& one : gpu.extensions) {
        extensions[one.name] = one.there;
        if (!one.there)
            (one.required ? needed : wanted).push_back(one.name);
    }
    std::string message = fmt::format("{}, Vulkan {}", gpu.name, gpu.version);
    if (!gpu.driver.empty())
        message.append(fmt::format(" ({})", gpu.driver));
    message.append(!gpu.imports  ? "; takes and gives no dma-bufs"
                   : gpu.exports ? "; takes and gives dma-bufs"
                                 : "; takes dma-bufs, gives none here");
    if (!needed.empty())
        message.append(
            fmt::format("; the driver lacks {}: a newer one may have it", fmt::join(needed, ", ")));
    if (!wanted.empty())
        message.append(fmt::format("; without {}", fmt::join(wanted, ", ")));
    const Status status = needed.empty() && gpu.imports && gpu.exports ? Status::ok : Status::warning;
    checks.add({id,
                status,
                std::move(message),
                {},
                {},
                {{"device", gpu.name},
                 {"vulkan", gpu.version},
                 {"imports_dmabuf", gpu.imports},
                 {"exports_dmabuf", gpu.exports},
                 {"extensions", std::move(extensions)}}});
}

// The line that brings Vulkan's loader and drivers, by Debian's names; elsewhere the message has to do. It
// does not bring hwalloc's own library, where that is missing or of another build, nor descriptors.
std::string line_for_drivers(const std::optional<Error>& why) {
    const bool is_of_hwalloc = why && why->device().starts_with("libhwalloc") &&
                               why->remedy().find("libvulkan.so") == std::string_view::npos;
    const bool is_exhausted = why && why->kind() == ErrorKind::exhausted;
    return !is_of_hwalloc && !is_exhausted && exists("/usr/bin/apt-get")
               ? "sudo apt-get install libvulkan1 mesa-vulkan-drivers"
               : "";
}

} // namespace

void look_at_gpus(const Machine& machine, Checks& checks) {
    for (const InventoryItem& item : machine.inventory()) {
        if (item.family != "vulkan")
            continue;
        if (!item.allocator) {
            checks.add({"gpu/any", Status::missing, item.why ? item.why->message() : "no Vulkan",
                        line_for_drivers(item.why), item.why});
            continue;
        }
        // "vulkan/N" alone: its other memory is on the same device.
        const std::string index = item.name.substr(item.name.find('/') + 1);
        if (index.find('/') != index.npos)
            continue;
        if (auto gpu = gpu_facts(*item.allocator))
            tell("gpu/" + index, *gpu, checks);
        else
            checks.add("gpu/" + index, Status::unknown, gpu.error());
    }
}

} // namespace hwalloc::tools::diagnosis
