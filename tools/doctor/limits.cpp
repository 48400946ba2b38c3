// Numbers that are in the way later. RLIMIT_MEMLOCK is none of them: the pages of heaps and of udmabuf are
// not counted there.
#include <fmt/format.h>
#include <sys/resource.h>

#include <fstream>

#include "tools/doctor/checks.h"

namespace hwalloc::tools::diagnosis {
namespace {

struct Parameter {
    const char* id;
    const char* path;
    unsigned long least; // what the kernel has by default
    const char* what;
};
constexpr Parameter parameters[] = {
    {"limit/udmabuf-size", "/sys/module/udmabuf/parameters/size_limit_mb", 64,
     "MiB in one buffer of udmabuf"},
    {"limit/udmabuf-list", "/sys/module/udmabuf/parameters/list_limit", 1024,
     "pieces in one buffer of udmabuf"},
};

void look_at(const Parameter& parameter, Checks& checks) {
    unsigned long value = 0;
    if (!(std::ifstream(parameter.path) >> value)) {
        checks.add(
            {parameter.id, Status::missing, fmt::format("no limit to read: there is no {}", parameter.path)});
        return;
    }
    const Json facts{{"value", value}};
    if (value < parameter.least)
        checks.add(
            {parameter.id,
             Status::warning,
             fmt::format("{} {}, less than the kernel's own {}", value, parameter.what, parameter.least),
             fmt::format("echo {} | sudo tee {}", parameter.least, parameter.path),
             {},
             facts});
    else
        checks.add({parameter.id,
                    Status::ok,
                    fmt::format("{} {}; root can raise {}", value, parameter.what, parameter.path),
                    {},
                    {},
                    facts});
}

// Each buffer is an open file.
void look_at_files(Checks& checks) {
    constexpr rlim_t least = 1024;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    const Json facts{{"value", files.rlim_cur}, {"at_most", files.rlim_max}};
    if (files.rlim_cur >= least)
        checks.add(
            {"limit/open-files",
             Status::ok,
             fmt::format("{} open files for a process, and each buffer is one; it may raise that to {}",
                         files.rlim_cur, files.rlim_max),
             {},
             {},
             facts});
    else
        checks.add({"limit/open-files",
                    Status::warning,
                    fmt::format("{} open files for a process are few, and each buffer is one; it may have {}",
                                files.rlim_cur, files.rlim_max),
                    files.rlim_max > files.rlim_cur
                        ? fmt::format("ulimit -n {}", std::min(files.rlim_max, rlim_t{4096}))
                        : "sudo prlimit --pid $$ --nofile=4096",
                    {},
                    facts});
}

} // namespace

void look_at_limits(const Machine&, Checks& checks) {
    for (const Parameter& parameter : parameters)
        look_at(parameter, checks);
    look_at_files(checks);
}

} // namespace hwalloc::tools::diagnosis
