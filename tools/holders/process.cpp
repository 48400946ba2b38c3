// What one process holds: descriptors by /proc/PID/fd and fdinfo (Documentation/filesystems/proc.rst, "DMA
// Buffer files"), mappings by /proc/PID/maps.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>

#include "hwalloc/unique_fd.h"
#include "tools/holders/dma_bufs.h"

namespace hwalloc::tools::holding {
namespace {

constexpr std::string_view path_of_all = "/dmabuf:"; // in front of the name, in links and mappings

// What follows `key` on the first line that begins with it: a name is last, and may itself look like lines.
std::string_view value_of(std::string_view text, std::string_view key) {
    for (std::size_t at = 0; (at = text.find(key, at)) != text.npos; at += key.size())
        if (at == 0 || text[at - 1] == '\n') {
            text.remove_prefix(at + key.size());
            return text.substr(0, text.find('\n'));
        }
    return {};
}

template<class Number>
std::optional<Number> leading_number(std::string_view text, int base = 10) {
    Number value{};
    if (std::from_chars(text.data(), text.data() + text.size(), value, base).ec != std::errc())
        return std::nullopt;
    return value;
}

Holder& holder_in(DmaBuf& dma_buf, pid_t pid) {
    if (dma_buf.holders.empty() || dma_buf.holders.back().pid != pid)
        dma_buf.holders.push_back({.pid = pid});
    return dma_buf.holders.back();
}

bool is_gone(int why) {
    return why == ENOENT || why == ESRCH;
}

int read_descriptors(const std::string& directory, pid_t pid, DmaBufs& found) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir((directory + "/fd").c_str()), ::closedir);
    if (!listing)
        return is_gone(errno) ? 0 : errno;
    while (const dirent* entry = ::readdir(listing.get())) {
        char target[64] = {};
        if (::readlinkat(::dirfd(listing.get()), entry->d_name, target, sizeof target - 1) <= 0 ||
            !std::string_view(target).starts_with(path_of_all))
            continue;
        int why = 0;
        const std::string info = read_text(directory + "/fdinfo/" + entry->d_name, why);
        auto inode = leading_number<std::uint64_t>(value_of(info, "ino:\t")); // from Linux 5.14
        if (struct stat status{}; !inode && ::fstatat(::dirfd(listing.get()), entry->d_name, &status, 0) == 0)
            inode = status.st_ino;
        // A file that was called so is none.
        const std::string_view exporter = value_of(info, "exp_name:\t");
        const auto number = leading_number<int>(entry->d_name);
        if (!inode || exporter.empty() || !number)
            continue;
        DmaBuf& dma_buf = found[*inode];
        dma_buf.bytes = leading_number<std::uint64_t>(value_of(info, "size:\t"));
        dma_buf.exporter = exporter;
        dma_buf.name = value_of(info, "name:\t");
        holder_in(dma_buf, pid).descriptors.push_back(*number);
    }
    return 0;
}

struct MappedFile {
    std::uint64_t bytes, inode;
};

// "7f0000000000-7f0000001000 rw-s 00000000 00:0b 12      /dmabuf:camera", if it is of a dma-buf: a file of no
// disk whose path begins so.
std::optional<MappedFile> mapped_dma_buf(std::string_view line) {
    std::string_view fields[5], rest = line;
    for (std::string_view& field : fields) {
        const auto end = std::min(rest.find(' '), rest.size());
        field = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto between = fields[0].find('-');
    if (!rest.starts_with(path_of_all) || !fields[3].starts_with("00:") || between == line.npos)
        return std::nullopt;
    const auto from = leading_number<std::uint64_t>(fields[0], 16);
    const auto to = leading_number<std::uint64_t>(fields[0].substr(between + 1), 16);
    const auto inode = leading_number<std::uint64_t>(fields[4]);
    if (!from || !to || !inode)
        return std::nullopt;
    return MappedFile{.bytes = *to - *from, .inode = *inode};
}

int read_mappings(const std::string& directory, pid_t pid, DmaBufs& found) {
    int why = 0;
    const std::string text = read_text(directory + "/maps", why);
    for (std::string_view rest = text; !rest.empty();) {
        const auto end = std::min(rest.find('\n'), rest.size());
        if (const auto mapped = mapped_dma_buf(rest.substr(0, end))) {
            Holder& holder = holder_in(found[mapped->inode], pid);
            ++holder.mappings;
            holder.mapped_bytes += mapped->bytes;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return is_gone(why) ? 0 : why;
}

// Where to look: a process whose first thread has ended has its descriptors with the others.
std::string living_thread(const std::string& directory) {
    int why = 0;
    const std::string status = read_text(directory + "/stat", why);
    const auto name_end = status.rfind(')');
    if (name_end == status.npos || !std::string_view(status).substr(name_end).starts_with(") Z"))
        return directory;
    const std::unique_ptr<DIR, int (*)(DIR*)> threads(::opendir((directory + "/task").c_str()), ::closedir);
    const std::string first = directory.substr(directory.rfind('/') + 1);
    while (const dirent* entry = threads ? ::readdir(threads.get()) : nullptr)
        if (entry->d_name[0] != '.' && entry->d_name != first)
            return directory + "/task/" + entry->d_name;
    return directory;
}

} // namespace

std::string read_text(const std::string& path, int& why) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    why = file ? 0 : errno;
    for (ssize_t got = 1; file && got > 0;) {
        char part[1 << 14];
        got = ::read(file.get(), part, sizeof part);
        if (got < 0)
            why = errno;
        else
            text.append(part, static_cast<std::size_t>(got));
    }
    return text;
}

int read_process(const std::string& directory, pid_t pid, DmaBufs& found) {
    const std::string at = living_thread(directory);
    const int closed = read_descriptors(at, pid, found);
    const int hidden = read_mappings(at, pid, found);
    return closed ? closed : hidden;
}

} // namespace hwalloc::tools::holding
