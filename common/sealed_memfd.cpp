#include "common/sealed_memfd.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <limits>

#include "common/kernel.h"
#include "common/open_files.h"

#ifndef MFD_NOEXEC_SEAL // Linux 6.3
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace hwalloc {

Result<UniqueFd> make_sealed_memfd(const char* name, std::size_t size) noexcept {
    if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        return Error(ErrorKind::limit, "the size does not fit in a file");
    // Beyond the limit of a file's size the kernel sends SIGXFSZ, which ends a process that expects none.
    rlim_t limit = RLIM_INFINITY;
    if (kernel.getrlimit(RLIMIT_FSIZE, &limit) >= 0 && limit != RLIM_INFINITY && size > limit)
        return Error(ErrorKind::limit, EFBIG, "sizing a memfd")
            .call("getrlimit(RLIMIT_FSIZE)")
            .wanted(size)
            .held(limit)
            .remedy("the memory is a file to the kernel, and this process may make none so large: raise its "
                    "limit (ulimit -f)");
    // MFD_NOEXEC_SEAL also keeps the kernel from warning about, or refusing (vm.memfd_noexec), executable
    // memory.
    constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = kernel.memfd_create(name, flags | MFD_NOEXEC_SEAL);
    if (fd == -EINVAL)
        fd = kernel.memfd_create(name, flags);
    if (fd < 0)
        return with_open_files_remedy(
            Error::from_errno(-fd, "making a memfd").call("memfd_create").wanted(size), fd);
    UniqueFd memfd(fd);
    if (const int done = kernel.ftruncate(memfd.get(), static_cast<off_t>(size)); done < 0)
        return Error::from_errno(-done, "sizing a memfd").call("ftruncate").wanted(size);
    if (const int done = kernel.fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW); done < 0)
        return Error::from_errno(-done, "sealing a memfd").call("fcntl(F_ADD_SEALS)").wanted(size);
    return memfd;
}

} // namespace hwalloc
