// check_node(): the story of a node for which there is no allocator.
#include <fcntl.h>

#include "common/kernel.h"
#include "common/node_access.h"
#include "hwalloc/inventory.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {

Result<void> check_node(const char* path) noexcept {
    if (!path)
        return Error(ErrorKind::invalid, "no node is named");
    constexpr NodeAdvice advice{
        .purpose = "opening a device",
        .absent = "there is no such device, or this container does not show it",
        .denied = "udev's own rules give devices to groups and to whoever is logged in at the machine: does "
                  "udev run, and is this a login of its own?"};
    constexpr int flags = O_RDWR | O_NONBLOCK | O_NOCTTY;
    const int fd = kernel.open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return node_refused(path, flags, -fd, advice);
    const UniqueFd closes(fd);
    return {};
}

} // namespace hwalloc
