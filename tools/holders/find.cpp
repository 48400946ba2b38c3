#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "tools/holders/dma_bufs.h"

namespace hwalloc::tools::holding {
namespace {

constexpr const char* kernel_list = "/sys/kernel/debug/dma_buf/bufinfo";
constexpr unsigned long kernel_thread =
    0x00200000; // PF_KTHREAD of include/linux/sched.h; it has no descriptors

std::string directory_of(pid_t pid) {
    return fmt::format("/proc/{}", pid);
}

Result<std::vector<pid_t>> all_processes() {
    std::vector<pid_t> pids;
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename();
        pid_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr == name.data() + name.size())
            pids.push_back(pid);
    }
    if (error || pids.empty())
        return Error::from_errno(error ? error.value() : ENOENT, "looking for processes")
            .on("/proc")
            .remedy("mount it: mount -t proc proc /proc");
    std::sort(pids.begin(), pids.end());
    return pids;
}

// The ninth field of stat, behind a command in parentheses that may have any in it.
bool is_kernel_thread(const std::string& directory) {
    int why = 0;
    const std::string text = read_text(directory + "/stat", why);
    std::size_t at = text.rfind(')');
    for (int blanks = 0; at != text.npos && blanks < 7; ++blanks)
        at = text.find(' ', at + 1);
    return at != text.npos && (std::strtoul(text.c_str() + at, nullptr, 10) & kernel_thread) != 0;
}

Process describe(const std::string& directory) {
    int why = 0;
    Process process{.command = read_text(directory + "/comm", why), .user = {}};
    if (process.command.ends_with('\n'))
        process.command.pop_back();
    // "Uid:", the real one and the effective one. The owner of the directory may be root all the same.
    const std::string status = read_text(directory + "/status", why);
    unsigned user = 0;
    if (const auto at = status.find("\nUid:\t"); at != status.npos) {
        const auto effective = status.find('\t', at + 6);
        if (std::from_chars(status.data() + effective + 1, status.data() + status.size(), user).ec ==
            std::errc())
            process.user = user;
    }
    return process;
}

// Others' processes are left out of a /proc that was mounted so (proc(5), hidepid): nothing tells how many.
bool hides_processes() {
    int why = 0;
    const std::string mounts = read_text("/proc/self/mountinfo", why);
    for (std::size_t at = 0; at < mounts.size();) {
        const auto end = std::min(mounts.find('\n', at), mounts.size());
        const std::string_view line = std::string_view(mounts).substr(at, end - at);
        at = end + 1;
        const auto option = line.find("hidepid=");
        if (line.find(" /proc ") != line.npos && option != line.npos &&
            !line.substr(option + 8).starts_with('0') && !line.substr(option + 8).starts_with("off"))
            return ::geteuid() != 0;
    }
    return false;
}

std::optional<Error> add_kernel_list(DmaBufs& found) {
    int why = 0;
    const std::string text = read_text(kernel_list, why);
    if (!why) {
        read_kernel_list(text, found);
        return std::nullopt;
    }
    Error error = Error::from_errno(why, "reading the kernel's list of dma-bufs").on(kernel_list);
    if (why == EACCES || why == EPERM)
        return std::move(error).remedy("ask as root: sudo hwalloc ps").mend("sudo hwalloc ps");
    return std::move(error).remedy(
        "mount debugfs: mount -t debugfs debugfs /sys/kernel/debug (the kernel needs CONFIG_DEBUG_FS)");
}

} // namespace

Result<Findings> find_holders(std::span<const pid_t> pids) {
    Findings found;
    std::vector<pid_t> wanted(pids.begin(), pids.end());
    if (wanted.empty()) {
        auto all = all_processes();
        if (!all)
            return all.error();
        wanted = *std::move(all);
        found.hides_processes = hides_processes();
    }
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    for (const pid_t pid : wanted) {
        const std::string directory = directory_of(pid);
        if (!pids.empty() && ::access(directory.c_str(), F_OK) != 0)
            return Error::from_errno(ENOENT, "looking for a process").on(fmt::format("process {}", pid));
        const int why = read_process(directory, pid, found.dma_bufs);
        if (why && !pids.empty())
            return Error::from_errno(why, "looking into a process")
                .on(fmt::format("process {}", pid))
                .remedy("ask as its user, or as root");
        if (why && !is_kernel_thread(directory))
            ++found.closed_processes;
    }
    for (const auto& [inode, dma_buf] : found.dma_bufs)
        for (const Holder& holder : dma_buf.holders)
            if (!found.processes.contains(holder.pid))
                found.processes.emplace(holder.pid, describe(directory_of(holder.pid)));
    // Last, so that what a process has just let go of does not look like a driver's. A mapping of what is not
    // in it was of another file that is called so.
    DmaBufs listed;
    const auto no_list = add_kernel_list(listed);
    if (pids.empty())
        found.no_list = no_list;
    if (no_list)
        return found;
    for (auto& [inode, dma_buf] : found.dma_bufs)
        if (const auto more = listed.find(inode); more != listed.end())
            more->second.holders = std::move(dma_buf.holders);
    if (!pids.empty())
        std::erase_if(listed, [](const auto& one) { return one.second.holders.empty(); });
    found.dma_bufs = std::move(listed);
    return found;
}

} // namespace hwalloc::tools::holding
