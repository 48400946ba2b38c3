// The descriptor behind a memory: lent, and as a duplicate.
#include <fcntl.h>

#include <cerrno>

#include "allocators/recognizes_fd.h"
#include "common/kernel.h"
#include "common/open_files.h"
#include "common/standard_streams.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc {
namespace {

[[gnu::cold]] Error no_longer_lent() noexcept {
    return Error(ErrorKind::invalid, "duplicating a file descriptor")
        .remedy(
            "somebody closed the memory's own descriptor, which borrow_fd() lends: close duplicates only");
}

// An application that closes a lent descriptor by mistake soon has another file under its number, which must
// not be taken for the memory.
bool still_lent(const Memory& memory, int fd, FdKind kind) noexcept {
    if (kind == FdKind::memfd) {
        // Storage that a module made may not tell its file from another: then any memory file will do.
        auto* recognizes_fd = memory.block().extension<RecognizesFd>();
        return recognizes_fd ? recognizes_fd->is_behind(fd) : kernel.fcntl(fd, F_GET_SEALS, 0) >= 0;
    }
    auto* has_dma_buf = memory.block().extension<HasDmaBuf>();
    return !has_dma_buf || has_dma_buf->dma_buf()->is_behind(fd);
}

} // namespace

Result<BorrowedFd> borrow_fd(const Memory& memory, FdKind kind) noexcept {
    auto* has_fd = memory.block().extension<HasFd>();
    if (!has_fd)
        return Error(ErrorKind::unsupported, "the memory has no file descriptor that could be shared")
            .remedy("`hwalloc list` shows which allocators' memory has one");
    BorrowedFd lent = has_fd->block_fd(kind);
    if (lent.fd < 0)
        return Error(ErrorKind::unsupported,
                     kind == FdKind::dmabuf ? "the memory is not a dma-buf" : "the memory has no memfd");
    lent.offset += memory.offset();
    lent.size = memory.size();
    return lent;
}

Result<UniqueFd> export_fd(const Memory& memory, FdKind kind) noexcept {
    auto lent = borrow_fd(memory, kind);
    if (!lent)
        return std::move(lent).error();
    const int copy = kernel.fcntl(lent->fd, F_DUPFD_CLOEXEC, first_free_fd);
    if (copy == -EBADF)
        return no_longer_lent();
    if (copy < 0)
        return with_open_files_remedy(
            Error::from_errno(-copy, "duplicating a file descriptor").call("fcntl(F_DUPFD_CLOEXEC)"), copy);
    UniqueFd own(copy);
    if (!still_lent(memory, own.get(), kind))
        return no_longer_lent();
    return own;
}

} // namespace hwalloc
