// Colours for the raw numbers of a sensor whose pixels are each behind a filter of one colour.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace hwalloc::tools {

// The image of a sensor: its numbers, row by row without gaps, and the component behind each filter (0 red, 1
// green, 2 blue), as in PixelFormat::mosaic.
struct Mosaic {
    std::span<const std::uint16_t> numbers;
    std::uint32_t width, height;
    std::array<std::uint8_t, 4> filters;

    // Red, green and blue at a pixel: its own number, and for the other two the mean of those next to it that
    // have the colour, eight at most and fewer at an edge ("bilinear"). Where none has it, the pixel's own
    // number.
    std::array<double, 3> color_at(std::uint32_t x, std::uint32_t y) const;
};

} // namespace hwalloc::tools
