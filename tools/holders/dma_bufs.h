// The dma-bufs of this machine and who holds each: by what /proc tells of every process' descriptors and
// mappings, and by the kernel's own list where that can be read.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/result.h"

namespace hwalloc::tools::holding {

// What one process has of one dma-buf.
struct Holder {
    pid_t pid;
    std::vector<int> descriptors{};
    std::size_t mappings = 0;
    std::uint64_t mapped_bytes = 0;
};

// Empty texts and optionals: not known. A name is whatever DMA_BUF_SET_NAME was given.
struct DmaBuf {
    std::optional<std::uint64_t> bytes;
    std::string exporter, name;
    // Of the file, by whomever: descriptors, mappings, and drivers that have imported it.
    std::optional<std::uint64_t> references;
    std::vector<std::string> devices; // attached just now
    std::vector<Holder> holders;
};
using DmaBufs = std::map<std::uint64_t, DmaBuf>; // by inode number, which is the machine's name for each

struct Process {
    std::string command;
    std::optional<uid_t> user; // the effective one; empty: it has ended
};

struct Findings {
    DmaBufs dma_bufs;
    std::map<pid_t, Process> processes; // that hold any
    std::size_t closed_processes = 0;   // that may not be looked into
    bool hides_processes = false;       // /proc is mounted with hidepid: there may be others
    std::optional<Error> no_list;       // why the kernel's list is not among what was found
};

// Looks at `pids`, or at every process when there are none, and at what drivers alone hold. Fails
// where /proc cannot be read, and for a pid that is not there (unavailable) or may not be looked into
// (permission).
Result<Findings> find_holders(std::span<const pid_t> pids);

// Adds what /sys/kernel/debug/dma_buf/bufinfo says (`text`). Lines that it does not know are passed over.
void read_kernel_list(std::string_view text, DmaBufs& found);

// Adds the descriptors and mappings of one process: what is below `directory`, "/proc/1234". 0, or the errno
// of what was refused; what is gone meanwhile is no error.
int read_process(const std::string& directory, pid_t pid, DmaBufs& found);

// A whole small file, as those of /proc are; empty, with the errno in `why`, when it cannot be read.
std::string read_text(const std::string& path, int& why);

} // namespace hwalloc::tools::holding
