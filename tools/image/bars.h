// Colour bars that wander to the left: a picture that anybody knows, in the formats of cameras.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "hwalloc/image_layout.h"
#include "hwalloc/result.h"

namespace hwalloc::tools {

// Eight bars of 75 % intensity (white, yellow, cyan, green, magenta, red, blue, black), two pixels further to
// the left with each frame.
class Bars {
public:
    // Rows are made once. The formats are those of to_rgb(); colours as the layout says. Error: unsupported.
    static Result<Bars> make(const ImageLayout& layout);

    // Draws frame number `frame` into `image`, the image's memory from its first byte, which must hold
    // layout.memory_sizes[0] bytes. Allocates nothing.
    void draw(std::span<std::uint8_t> image, std::uint32_t frame) const;

    // The R'G'B' colour of column `x` in frame `frame`.
    std::array<std::uint8_t, 3> color_at(std::uint32_t x, std::uint32_t frame) const;

private:
    Bars(const ImageLayout& layout) : layout_(layout) {}
    std::uint32_t shift(std::uint32_t frame) const;

    ImageLayout layout_;
    std::uint32_t period_ = 0; // pixels after which the pattern repeats: the width, made even
    // A row of each plane, twice as long as the image, so that each shift is a part of it.
    std::array<std::vector<std::uint8_t>, 2> rows_;
    std::array<std::uint32_t, 2> pair_bytes_{};   // of two pixels in each plane
    std::array<std::uint32_t, 2> row_step_{1, 1}; // rows of the image for each row of the plane
};

} // namespace hwalloc::tools
