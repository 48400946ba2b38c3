#include "tools/capture/refused_memory.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "hwalloc/inventory.h"
#include "tools/capture/format_options.h"

namespace hwalloc::tools {
namespace {

// Whether it can be named in place of another: one that only imports makes no memory for a camera.
bool makes_dma_bufs(Allocator& allocator) {
    auto* describes = allocator.extension<Describes>();
    return claims_dma_buf(allocator) && (!describes || describes->claims().alloc);
}

} // namespace

bool claims_dma_buf(Allocator& allocator) {
    auto* describes = allocator.extension<Describes>();
    return !describes || describes->claims().export_dmabuf;
}

std::string plan_command(FrameSource& source, FrameConsumer* consumer, bool read_by_cpu,
                         const v4l2::CaptureFormat& format) {
    if (!source.needs_dma_buf())
        return {};
    std::string command = "hwalloc plan --camera " + source.info().path;
    if (consumer)
        if (auto uses = consumer->participant()) {
            constexpr std::string_view gpu = "GPU ";
            std::string_view name = (*uses)->name();
            name.remove_prefix(name.starts_with(gpu) ? gpu.size() : 0);
            command += fmt::format(" --gpu '{}'", name);
        }
    if (read_by_cpu)
        command += " --cpu read";
    std::string name = format_name(format.pixel_format);
    name.erase(name.find_last_not_of(' ') + 1);
    return fmt::format("{} --size {}x{} --format {}", command, format.layout.width, format.layout.height,
                       name);
}

Error refused_for_all(const Error& error, const std::string& command) {
    std::string_view remedy = error.remedy();
    remedy = remedy.substr(0, remedy.find("`hwalloc plan "));
    remedy = remedy.substr(0, remedy.find_last_not_of("; ") + 1);
    const char* gap = remedy.empty() ? "" : "; ";
    const std::string words =
        command.empty()
            ? fmt::format("{}{}leave --allocator out: capture then finds memory that does", remedy, gap)
            : fmt::format("{}{}leave --allocator out, or see which memory does for all: `{}`", remedy, gap,
                          command);
    return Error(error).remedy(words);
}

Error cannot_be_shared(const std::string& name, const v4l2::DeviceInfo& device) {
    std::vector<Error> unusable;
    std::vector<std::string> names;
    if (auto items = inventory())
        for (const InventoryItem& item : *items) {
            if (item.why && item.why->kind() != ErrorKind::unsupported)
                unusable.push_back(*item.why);
            else if (!item.why && item.allocator && makes_dma_bufs(*item.allocator))
                names.push_back(item.name);
        }
    Error error =
        Error(ErrorKind::unsupported, "binding memory")
            .doing(fmt::format(
                "filling memory of {}, which has no dma-buf and so cannot be shared with a camera,", name))
            .on(device.path)
            .remedy(names.empty()
                        ? std::string("no allocator here can be used that makes dma-bufs")
                        : fmt::format("these allocators make dma-bufs: {}", fmt::join(names, ", ")));
    for (Error& why : unusable)
        error = std::move(error).because(std::move(why));
    return error;
}

} // namespace hwalloc::tools
