#include "common/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <charconv>
#include <new>

#include "common/kernel.h"
#include "common/open_files.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {
namespace {

// What people link to where there is to be nothing.
bool is_dev_null(const struct stat& status) noexcept {
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

bool can_be_read(const struct stat& status) noexcept {
    // What reading a directory answers says enough.
    return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || is_dev_null(status);
}

} // namespace

Result<std::string> read_file(const char* path, std::size_t limit) noexcept try {
    const int fd = kernel.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return with_open_files_remedy(Error::from_errno(-fd, "reading a file").on(path).call("open"), fd);
    const UniqueFd file(fd);
    struct stat status {};
    if (const int done = kernel.fstat(fd, &status); done < 0)
        return Error::from_errno(-done, "reading a file").on(path).call("fstat");
    if (!can_be_read(status))
        return Error(ErrorKind::invalid, "reading a file")
            .on(path)
            .remedy("it is a FIFO or a device: put a regular file there");
    std::string text;
    char piece[4096];
    while (text.size() < limit) {
        const ssize_t got = kernel.read(file.get(), piece, sizeof(piece));
        if (got == -EINTR)
            continue;
        if (got < 0)
            return Error::from_errno(static_cast<int>(-got), "reading a file").on(path).call("read");
        if (got == 0)
            break;
        text.append(piece, static_cast<std::size_t>(got));
    }
    if (text.size() > limit)
        text.resize(limit);
    return text;
} catch (const std::bad_alloc&) {
    return Error(ErrorKind::exhausted, "no memory for the text of a file");
}

std::optional<std::uint64_t> leading_number(std::string_view text) noexcept {
    std::uint64_t number = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end.ec != std::errc())
        return std::nullopt;
    return number;
}

} // namespace hwalloc
