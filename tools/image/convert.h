// The formats of 8 bits that most cameras have, as R'G'B', in whole numbers: fast. For all formats:
// picture.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hwalloc/image_layout.h"
#include "hwalloc/result.h"

namespace hwalloc::tools {

// Whether to_rgb() knows this format and its colours. Error: unsupported, saying what it cannot do.
Result<void> can_convert(const ImageLayout& layout);

// Converts an image to rows of R, G, B bytes without gaps. `memories` are the image's, from their first
// bytes. YUYV, UYVY, NV12, BG24 (V4L2's RGB3), XR24, AR24 and R8 (grey); a chroma sample holds for all the
// pixels that share it. Every result is within 1 of the exact one (in fact: rounded from 1/65536). Errors:
// those of can_convert; invalid (the image is longer than they are); exhausted (the machine has no memory for
// the picture).
Result<void> to_rgb(const ImageLayout& layout, std::span<const std::span<const std::uint8_t>> memories,
                    std::vector<std::uint8_t>& rgb);
// The same of an image in one memory.
inline Result<void> to_rgb(const ImageLayout& layout, std::span<const std::uint8_t> image,
                           std::vector<std::uint8_t>& rgb) {
    return to_rgb(layout, std::span(&image, 1), rgb);
}

} // namespace hwalloc::tools
