#include "common/sealed_memfd.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <limits>

#include "common/kernel.h"

#ifndef MFD_NOEXEC_SEAL // Linux 6.3
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace hwalloc {

Result<UniqueFd> make_sealed_memfd(const char* name, std::size_t size) noexcept {
    if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        return Error(ErrorKind::limit, "the size does not fit in a file");
    // MFD_NOEXEC_SEAL also keeps the kernel from warning about, or refusing (vm.memfd_noexec), executable
    // memory.
    constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = kernel.memfd_create(name, flags | MFD_NOEXEC_SEAL);
    if (fd == -EINVAL)
        fd = kernel.memfd_create(name, flags);
    if (fd < 0)
        return Error::from_errno(-fd, "making a memfd").call("memfd_create").wanted(size);
    UniqueFd memfd(fd);
    if (const int done = kernel.ftruncate(memfd.get(), static_cast<off_t>(size)); done < 0)
        return Error::from_errno(-done, "sizing a memfd").call("ftruncate").wanted(size);
    if (const int done = kernel.fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW); done < 0)
        return Error::from_errno(-done, "sealing a memfd").call("fcntl(F_ADD_SEALS)").wanted(size);
    return memfd;
}

} // namespace hwalloc
