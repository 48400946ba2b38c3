// What the markers of a JPEG tell, without its pixels being looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hwalloc/result.h"

namespace hwalloc::tools {

struct JpegMarkers {
    std::uint32_t width = 0, height = 0; // in pixels
    bool has_huffman_tables = false;     // many webcams leave out those of the standard
    std::size_t scan = 0; // where the marker of the first scan begins, so where tables may stand
};

// Reads them up to the first scan. Error: invalid, saying what is not there.
Result<JpegMarkers> read_jpeg_markers(std::span<const std::uint8_t> file);

// Whether a file is a picture of this size that was not cut off: what a camera's frame can be judged by at
// little cost. Errors: invalid, saying what is missing or which size it has.
Result<void> check_jpeg(std::span<const std::uint8_t> file, std::uint32_t width, std::uint32_t height);

} // namespace hwalloc::tools
