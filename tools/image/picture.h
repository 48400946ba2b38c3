// Pictures for people, of every format of the table that has colours: 8 bits a number as they come, more than
// that as 16.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hwalloc/image_layout.h"
#include "hwalloc/pixel_format.h"
#include "hwalloc/result.h"

namespace hwalloc::tools {

struct Picture {
    std::uint32_t width = 0, height = 0; // in pixels
    unsigned depth = 8;                  // bits of a number: 8 or 16
    // Rows of R, G, B without gaps; of 16 bits the high byte is first, as in PNG.
    std::vector<std::uint8_t> bytes;
};

// The bits of a number in pictures of this format: 16 where one of its colours has more than 8 bits.
unsigned picture_depth(const PixelFormat& format) noexcept;

// Why no picture is made of images of this format; null: it is.
const char* why_no_picture(const PixelFormat& format);

// Whether to_picture() makes one of an image with this layout, whose matrix and range count. Error:
// unsupported, saying what it cannot do.
Result<void> can_convert(const PixelFormat& format, const ImageLayout& layout);

// The bytes of each memory of an image.
using ImageBytes = std::span<const std::span<const std::uint8_t>>;

// Makes a picture of an image: `memories` are its memories from their first bytes, and `layout` where it lies
// in them; with a fourcc of 0 (raw sensor data), the one of `format` at the stride of its first plane. A
// chroma number holds for all the pixels that share it; raw sensors' colours are as Mosaic has them. Each
// number is the exact one, rounded; for the formats of to_rgb() it is within 1. Errors: those of
// can_convert(); invalid (the image is longer than they are); exhausted (the machine has no memory for it).
Result<void> to_picture(const PixelFormat& format, const ImageLayout& layout, ImageBytes memories,
                        Picture& picture);
// The same of an image in one memory.
inline Result<void> to_picture(const PixelFormat& format, const ImageLayout& layout,
                               std::span<const std::uint8_t> image, Picture& picture) {
    return to_picture(format, layout, ImageBytes(&image, 1), picture);
}

} // namespace hwalloc::tools
