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

// Converts an image to rows of R, G, B bytes without gaps. `image` is the image's memory from its first byte.
// YUYV, UYVY, NV12, BG24 (V4L2's RGB3), XR24, AR24 and R8 (grey); a chroma sample holds for all the pixels
// that share it. Every result is within 1 of the exact one (in fact: rounded from 1/65536). Errors: those of
// can_convert; invalid (the image is longer than `image`).
Result<void> to_rgb(const ImageLayout& layout, std::span<const std::uint8_t> image,
                    std::vector<std::uint8_t>& rgb);

} // namespace hwalloc::tools
