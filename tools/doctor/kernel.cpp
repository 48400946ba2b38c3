// Which of the kernel's options that the library builds upon are there: by the kernel's own configuration
// where that can be read, else by what the options leave behind in /sys.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <zlib.h>

#include <algorithm>
#include <memory>

#include "tools/doctor/checks.h"

namespace hwalloc::tools::diagnosis {
namespace {

struct Option {
    const char* name;
    const char* brings;
    const char* evidence; // exists where the option is in force; null: nothing shows it
    const char* module;   // for `modprobe`, where the option alone brings it; null: drivers load it
    Status without;       // how bad it is that the kernel lacks it
};
constexpr Option options[] = {
    {"CONFIG_DMABUF_HEAPS", "DMA heaps (dma-heap/...)", "/sys/class/dma_heap", nullptr, Status::missing},
    {"CONFIG_DMABUF_HEAPS_SYSTEM", "heap of ordinary memory (dma-heap/system)", "/sys/class/dma_heap/system",
     "system_heap", Status::missing},
    {"CONFIG_DMABUF_HEAPS_CMA", "heap of contiguous memory, for devices without an IOMMU", nullptr,
     "cma_heap", Status::missing},
    {"CONFIG_UDMABUF", "udmabuf, which Mesa's lavapipe needs too", "/sys/class/misc/udmabuf", "udmabuf",
     Status::missing},
    {"CONFIG_SYNC_FILE", "fences of a dma-buf as descriptors", nullptr, nullptr, Status::warning},
    {"CONFIG_DRM", "graphics cards", "/sys/class/drm", nullptr, Status::missing},
    {"CONFIG_VIDEO_DEV", "cameras", "/sys/class/video4linux", nullptr, Status::missing},
};

// The text of a configuration, compressed or not; empty when it cannot be read.
std::string read_configuration(const std::string& path) {
    const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "re"), gzclose);
    std::string text;
    char part[1 << 14];
    for (int got; file && (got = gzread(file.get(), part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(got));
    return text;
}

class Configuration {
public:
    Configuration() {
        utsname kernel{};
        ::uname(&kernel);
        const std::string release = kernel.release;
        for (const std::string& path : {std::string("/proc/config.gz"), "/boot/config-" + release,
                                        "/lib/modules/" + release + "/config"})
            if (text_ = read_configuration(path); !text_.empty()) {
                source_ = path;
                text_.insert(0, 1, '\n');
                return;
            }
    }
    // Empty: none could be read.
    const std::string& source() const { return source_; }
    // 'y', 'm' or 'n'.
    char value(const char* option) const {
        const std::string line = fmt::format("\n{}=", option);
        const std::size_t at = text_.find(line);
        return at == std::string::npos ? 'n' : text_[at + line.size()];
    }

private:
    std::string text_, source_;
};

void look_at(const Option& option, const Configuration& configuration, Checks& checks) {
    const std::string id = fmt::format("kernel/{}", option.name);
    const bool seen = option.evidence && exists(option.evidence);
    if (configuration.source().empty()) {
        if (seen)
            checks.add(
                {id, Status::ok, fmt::format("in force, as {} shows: {}", option.evidence, option.brings)});
        else
            checks.add({id, Status::unknown,
                        fmt::format("this kernel's configuration cannot be read{}{}; it brings {}",
                                    option.evidence ? ", and there is no " : "",
                                    option.evidence ? option.evidence : "", option.brings)});
        return;
    }
    const char value = configuration.value(option.name);
    if (seen || value == 'y')
        checks.add(
            {id, Status::ok,
             fmt::format("{}: {}", value == 'm' ? "a module, loaded" : "in the kernel", option.brings)});
    else if (value == 'm' && option.module && option.evidence)
        checks.add({id, Status::failed,
                    fmt::format("a module that is not loaded ({}): {}", option.module, option.brings),
                    fmt::format("sudo modprobe {}", option.module)});
    else if (value == 'm')
        checks.add({id, Status::ok,
                    fmt::format("a module, loaded with the driver that needs it: {}", option.brings)});
    else
        checks.add(
            {id, option.without,
             fmt::format("not in this kernel, says {}: no {}", configuration.source(), option.brings)});
}

} // namespace

void look_at_kernel(const Machine&, Checks& checks) {
    const Configuration configuration;
    for (const Option& option : options)
        look_at(option, configuration, checks);
}

} // namespace hwalloc::tools::diagnosis
