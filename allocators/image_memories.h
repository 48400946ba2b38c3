// Whether an image is whole: whoever puts one together says in its layout how many memories it has.
#pragma once

#include <cstdint>

#include "hwalloc/image.h"

namespace hwalloc {

// Whether the memories of an image are all there, one to four. To be asked before Image::memory_at().
// Errors: invalid.
inline Result<void> check_memories(const Image& image) noexcept {
    const std::uint32_t count = image.layout.memory_count;
    if (count == 0 || count > ImageLayout::max_planes)
        return Error(ErrorKind::invalid, "an image has one to four memories");
    for (std::uint32_t i = 0; i < count; ++i)
        if (!image.memory_at(i))
            return Error(ErrorKind::invalid, "a memory of the image is missing");
    return {};
}

} // namespace hwalloc
