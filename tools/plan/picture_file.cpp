#include "tools/plan/picture_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace hwalloc::tools {
namespace {

Error refused(int why, const char* call, const std::string& path) {
    return Error::from_errno(why, "writing a picture of the plan")
        .on(path)
        .call(call)
        .remedy("--svg takes a file in a directory that is there, may be written, and has room (also by "
                "`ulimit -f`)");
}

} // namespace

Result<PictureFile> PictureFile::open(const std::string& path) {
    constexpr int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
    UniqueFd fd(::open(path.c_str(), flags | O_CREAT | O_EXCL, 0666));
    if (fd)
        return PictureFile(std::move(fd), path, true);
    // A link to a file that does not exist: the file is made.
    fd = UniqueFd(::open(path.c_str(), flags | O_CREAT, 0666));
    if (!fd)
        return refused(errno, "open", path);
    return PictureFile(std::move(fd), path, false);
}

PictureFile::~PictureFile() {
    if (fd_ && is_new_)
        ::unlink(path_.c_str());
}

Result<void> PictureFile::write(std::string_view text) {
    is_new_ = false;
    // A pipe or a device cannot be truncated, and need not be.
    if (::ftruncate(fd_.get(), 0) < 0 && errno != EINVAL)
        return refused(errno, "ftruncate", path_);
    while (!text.empty()) {
        const ssize_t written = ::write(fd_.get(), text.data(), text.size());
        if (written < 0 && errno != EINTR)
            return refused(errno, "write", path_);
        if (written > 0)
            text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::close(fd_.release()) < 0)
        return refused(errno, "close", path_);
    return {};
}

} // namespace hwalloc::tools
