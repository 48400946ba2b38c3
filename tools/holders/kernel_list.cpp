// The kernel's own list of dma-bufs, in debugfs (drivers/dma-buf/dma-buf.c, dma_buf_debug_show): a line for
// each,
//
//   size            flags           mode            count           exp_name        ino             name
//   00614400        00000002        00080007        00000002        system          00000012        camera
//
// below it what is attached. It alone knows of dma-bufs that no process holds, but a driver.
#include <algorithm>
#include <charconv>

#include "tools/holders/dma_bufs.h"

namespace hwalloc::tools::holding {
namespace {

enum Column : std::size_t { size, flags, mode, count, exporter, inode, name, columns };

std::vector<std::string_view> columns_of(std::string_view line) {
    std::vector<std::string_view> found;
    while (found.size() + 1 < columns) {
        const auto tab = line.find('\t');
        found.push_back(line.substr(0, tab));
        if (tab == line.npos)
            return found;
        line.remove_prefix(tab + 1);
    }
    found.push_back(line); // a name may have tabs
    return found;
}

// The kernel writes eight digits at least. With fewer, a name could hold a whole line (it has 31 bytes at
// most, of any kind).
std::optional<std::uint64_t> number(std::string_view text) {
    if (text.size() < 8)
        return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace

void read_kernel_list(std::string_view text, DmaBufs& found) {
    DmaBuf* latest = nullptr;
    for (bool attached = false; !text.empty();) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line == "\tAttached Devices:") {
            attached = true;
            if (latest)
                latest->devices.clear(); // what a name may have passed off as some
        } else if (line.starts_with("Total ")) {
            attached = false;
        } else if (line.starts_with('\t')) {
            // Below what is attached nothing is told; fences stand above it.
            if (attached && latest)
                latest->devices.emplace_back(line.substr(1));
        } else {
            const auto parts = columns_of(line);
            if (parts.size() != columns)
                continue;
            const auto bytes = number(parts[size]), references = number(parts[count]),
                       id = number(parts[inode]);
            if (!bytes || !references || !id)
                continue;
            attached = false;
            latest = &found[*id];
            latest->bytes = bytes;
            latest->references = references;
            latest->exporter = parts[exporter];
            // The kernel writes this for one without a name.
            latest->name = parts[name] == "<none>" ? std::string_view() : parts[name];
        }
    }
}

} // namespace hwalloc::tools::holding
