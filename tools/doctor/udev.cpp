// Who gives nodes their owner and mode: udev, and which of hwalloc's rules it would read.
#include <fmt/format.h>
#include <sys/stat.h>

#include "tools/doctor/checks.h"

namespace hwalloc::tools::diagnosis {
namespace {

struct Rules {
    const char* file;
    const char* about;
    const char* node; // that the system's own rules may have opened already; null: they never do
};
constexpr Rules rules[] = {
    {"55-hwalloc-dma-heap.rules", "the heap of ordinary memory to group video", nullptr},
    {"55-hwalloc-dma-heap-contiguous.rules",
     "the heap of contiguous memory to group video, for who asks for it", nullptr},
    {"70-hwalloc-udmabuf.rules", "udmabuf to group kvm and whoever is logged in", "/dev/udmabuf"},
};
// In the order in which udev(7) looks: the first file of a name hides the others.
constexpr const char* directories[] = {"/etc/udev/rules.d", "/run/udev/rules.d",
                                       "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d",
                                       "/lib/udev/rules.d"};

void look_at(const Rules& one, Checks& checks) {
    const std::string id = fmt::format("udev/{}", one.file);
    for (const char* directory : directories) {
        const std::string path = fmt::format("{}/{}", directory, one.file);
        struct stat file {};
        if (::stat(path.c_str(), &file) < 0)
            continue;
        if (S_ISREG(file.st_mode) && file.st_size > 0)
            checks.add({id, Status::ok, fmt::format("installed as {}: {}", path, one.about)});
        else
            checks.add({id, Status::missing, fmt::format("switched off by {}, which holds nothing", path)});
        return;
    }
    struct stat node {};
    if (one.node && ::stat(one.node, &node) == 0 && node.st_gid != 0)
        checks.add(
            {id, Status::ok,
             fmt::format("not installed and not needed: {} is {} already", one.node, ownership(one.node))});
    else
        checks.add(
            {id, Status::missing,
             fmt::format("not installed (hwalloc's docs/permissions.md says how); it gives {}", one.about)});
}

} // namespace

void look_at_udev(const Machine&, Checks& checks) {
    if (exists("/run/udev/control"))
        checks.add({"udev/running", Status::ok, "udev runs, and sets owner and mode of nodes by its rules"});
    else
        checks.add(
            {"udev/running", Status::warning,
             "no udev runs here (there is no /run/udev/control; a container has none): owner and mode of "
             "nodes are whatever made them, and rules must be installed where udev runs"});
    for (const Rules& one : rules)
        look_at(one, checks);
}

} // namespace hwalloc::tools::diagnosis
