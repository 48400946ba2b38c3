// Where a symbolic link leads, by its last part.
#pragma once

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <string>
#include <string_view>

#include "common/fixed_text.h"
#include "common/kernel.h"

namespace hwalloc {

// "../../bus/usb/drivers/uvcvideo" is "uvcvideo"; empty when there is no such link. May throw std::bad_alloc.
inline std::string link_end(const std::string& link) {
    char target[512];
    const ssize_t length = kernel.readlink(link.c_str(), target, sizeof(target));
    if (length <= 0)
        return {};
    const std::string_view path(target, static_cast<std::size_t>(length));
    return std::string(path.substr(path.rfind('/') + 1));
}

// What /sys calls the device with this number, such as "video0"; empty where it does not tell. May throw
// std::bad_alloc.
inline std::string kernel_name(dev_t device) {
    return link_end(std::string(FixedText("/sys/dev/char/", major(device), ":", minor(device))));
}
// The same of the device behind a node, which a container may have under another name ("docker run --device
// /dev/video2:/dev/video0"); the node's own name where the kernel does not tell.
inline std::string kernel_name(const std::string& node) {
    struct stat status {};
    std::string name = kernel.stat(node.c_str(), &status) < 0 ? std::string() : kernel_name(status.st_rdev);
    return name.empty() ? node.substr(node.rfind('/') + 1) : name;
}

} // namespace hwalloc
