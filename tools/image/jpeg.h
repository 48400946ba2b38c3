// Pictures out of JPEG, which is what webcams call MJPG, frame by frame; by libjpeg-turbo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hwalloc/pixel_format.h"
#include "hwalloc/result.h"

namespace hwalloc::tools {

// The formats, as V4L2 calls them, whose frames are JPEG files.
inline constexpr std::uint32_t jpeg_formats[] = {fourcc('M', 'J', 'P', 'G'), fourcc('J', 'P', 'E', 'G')};
bool is_jpeg(std::uint32_t pixel_format) noexcept;

// What decoded pixels are: R, G, B; or B, G, R and a byte without a meaning (DRM's XR24).
enum class JpegPixels : std::uint8_t { rgb, bgrx };

// Decodes a file of this size into rows that begin `stride` bytes apart; every row is written once and
// nothing is read back, so that memory that the CPU reads slowly does as well. A chroma number holds for all
// the pixels that share it, as in other pictures (picture.h), and Huffman tables that are left out are the
// standard's. What was written when it fails is not defined. Errors: invalid (too little room; no JPEG of
// this size; one that is cut off or damaged: whatever libjpeg-turbo only warns of counts, but for bytes that
// belong to nothing and numbers in tags that change no pixel; one of more than 100 scans), exhausted (the
// machine has not what a picture of several scans takes, or gives no memory).
Result<void> decode_jpeg(std::span<const std::uint8_t> file, std::uint32_t width, std::uint32_t height,
                         JpegPixels pixels, std::size_t stride, std::span<std::uint8_t> to);

// Whether decode_jpeg() makes pixels of a file: decodes it as well, and keeps none of them, which takes about
// as long and no more room than a row. Errors: those of decode_jpeg().
Result<void> try_jpeg(std::span<const std::uint8_t> file, std::uint32_t width, std::uint32_t height);

// The file with Huffman tables in it, in two parts and the tables between them; the tables are empty where it
// has its own. For files: many programs know only what is written there. Error: invalid (it is none).
struct JpegParts {
    std::span<const std::uint8_t> before, tables, after;
};
Result<JpegParts> with_huffman_tables(std::span<const std::uint8_t> file);

} // namespace hwalloc::tools
