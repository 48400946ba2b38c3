// The properties of a KMS object (a connector, a CRTC, a plane): what atomic mode setting reads and writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/result.h"

namespace hwalloc::tools {

class Properties {
public:
    struct Entry {
        std::string name;
        std::uint32_t id = 0;
        std::uint64_t value = 0; // when it was read
    };

    // Reads all of `object`, whose kind is a DRM_MODE_OBJECT_*. Errors: what the kernel answers.
    static Result<Properties> read(int fd, std::uint32_t object, std::uint32_t kind);

    const Entry* find(std::string_view name) const;
    // 0 where there is no such property.
    std::uint64_t value(std::string_view name) const;

private:
    std::vector<Entry> entries_;
};

} // namespace hwalloc::tools
