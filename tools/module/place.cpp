#include "tools/module/place.h"

#include <unistd.h>

#include <climits>

namespace hwalloc::tools {

std::string place_of_part(const char* name) {
    char self[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
    if (length <= 0)
        return {};
    std::string directory(self, static_cast<std::size_t>(length));
    directory.resize(directory.rfind('/') + 1);
    for (const char* between : {"", HWALLOC_FROM_BIN_TO_DEVICES "/"})
        if (std::string place = directory + between + name; ::access(place.c_str(), F_OK) == 0)
            return place;
    return {};
}

} // namespace hwalloc::tools
