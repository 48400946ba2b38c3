#include "common/dma_buf.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/read_file.h"
#include "common/same_open_file.h"

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif

namespace hwalloc::dma_buf {
namespace {

Error refused(int error, const char* call) noexcept {
    return Error::from_errno(error, "examining a dma-buf's descriptor").call(call);
}

Result<std::size_t> size_of(int fd) noexcept {
    const off_t end = kernel.lseek(fd, 0, SEEK_END);
    if (end < 0)
        return refused(static_cast<int>(-end), "lseek");
    const auto size = static_cast<std::uint64_t>(end);
    if (size != static_cast<std::size_t>(size))
        return Error(ErrorKind::limit, "the dma-buf is larger than this process can map");
    return static_cast<std::size_t>(size);
}

} // namespace

void set_name(int fd, std::string_view name) noexcept {
    static_assert(longest_name == DMA_BUF_NAME_LEN - 1);
    std::size_t length = name.size();
    if (length > longest_name) {
        length = longest_name;
        while (length > 0 && (static_cast<unsigned char>(name[length]) & 0xc0) == 0x80)
            --length;
    }
    char text[DMA_BUF_NAME_LEN] = {};
    std::memcpy(text, name.data(), length);
    kernel.ioctl(fd, DMA_BUF_SET_NAME, text);
}

Result<Facts> examine(int fd) noexcept {
    struct statfs system {};
    if (const int done = kernel.fstatfs(fd, &system); done < 0)
        return refused(-done, "fstatfs");
    if (static_cast<unsigned long>(system.f_type) != DMA_BUF_MAGIC)
        return Error(ErrorKind::invalid, "the descriptor is open, but it is not a dma-buf");
    struct stat status {};
    if (const int done = kernel.fstat(fd, &status); done < 0)
        return refused(-done, "fstat");
    auto size = size_of(fd);
    if (!size)
        return std::move(size).error();
    const int flags = kernel.fcntl(fd, F_GETFL, 0);
    if (flags < 0)
        return refused(-flags, "fcntl(F_GETFL)");
    const int mode = flags & O_ACCMODE;
    return Facts{.inode = status.st_ino,
                 .size = *size,
                 .readable = mode == O_RDONLY || mode == O_RDWR,
                 .writable = mode == O_WRONLY || mode == O_RDWR};
}

Result<Facts> examine_own(int fd) noexcept {
    struct stat status {};
    if (const int done = kernel.fstat(fd, &status); done < 0)
        return refused(-done, "fstat");
    Facts facts{.inode = status.st_ino, .readable = true, .writable = true};
    if (status.st_size > 0 && static_cast<std::uint64_t>(status.st_size) <= static_cast<std::size_t>(-1)) {
        facts.size = static_cast<std::size_t>(status.st_size);
        return facts;
    }
    // A kernel that does not keep the size in the inode.
    auto size = size_of(fd);
    if (!size)
        return std::move(size).error();
    facts.size = *size;
    return facts;
}

bool is_same_buffer(const Identity& one, const Identity& other) noexcept {
    return one.inode == other.inode && one.size == other.size &&
           same_open_file(one.fd, other.fd) != SameOpenFile::no;
}

std::string exporter_of(int fd) noexcept try {
    const FixedText path("/proc/self/fdinfo/", fd);
    const auto text = read_file(path.c_str());
    constexpr std::string_view key = "exp_name:\t";
    const std::size_t at = text ? text->find(key) : std::string::npos;
    if (at == std::string::npos)
        return {};
    const std::size_t begin = at + key.size();
    return text->substr(begin, text->find('\n', begin) - begin);
} catch (const std::bad_alloc&) {
    return {};
}

} // namespace hwalloc::dma_buf
