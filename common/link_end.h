// Where a symbolic link leads, by its last part.
#pragma once

#include <string>
#include <string_view>

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

} // namespace hwalloc
