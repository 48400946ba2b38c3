// The Huffman tables of the JPEG standard, which a camera that leaves them out of its frames means.
#pragma once

#include <array>
#include <cstdint>

namespace hwalloc::tools {

// A whole segment, marker and length included: the four tables of ITU-T T.81 (ISO/IEC 10918-1), K.3.3: for
// the means of blocks and for their other coefficients, of luma (number 0) and of chroma (number 1).
extern const std::array<std::uint8_t, 420> standard_huffman_tables;

} // namespace hwalloc::tools
