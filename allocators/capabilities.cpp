#include "hwalloc/capabilities.h"

#include <fcntl.h>

#include "common/kernel.h"
#include "common/open_files.h"
#include "common/standard_streams.h"
#include "hwalloc/allocator.h"
#include "hwalloc/block.h"

namespace hwalloc {

Result<BorrowedFd> borrow_fd(const Memory& memory, FdKind kind) noexcept {
    auto* has_fd = memory.block().extension<HasFd>();
    if (!has_fd)
        return Error(ErrorKind::unsupported, "the memory has no file descriptor that could be shared");
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
    if (copy < 0)
        return with_open_files_remedy(
            Error::from_errno(-copy, "duplicating a file descriptor").call("fcntl(F_DUPFD_CLOEXEC)"), copy);
    return UniqueFd(copy);
}

Result<MemoryRef> import_dmabuf(int fd, std::size_t offset, std::size_t size, MemoryFlags flags) noexcept {
    Allocator* allocator = Allocator::find("dmabuf");
    auto* imports = allocator ? allocator->extension<ImportsDmaBuf>() : nullptr;
    if (!imports)
        return Error(ErrorKind::unsupported, "this build of the library cannot import dma-bufs");
    return imports->import_dmabuf(fd, offset, size, flags);
}

} // namespace hwalloc
