#include "common/read_file.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <new>

#include "common/kernel.h"
#include "common/open_files.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {

Result<std::string> read_file(const char* path, std::size_t limit) noexcept try {
    const int fd = kernel.open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return with_open_files_remedy(Error::from_errno(-fd, "reading a file").on(path).call("open"), fd);
    const UniqueFd file(fd);
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
