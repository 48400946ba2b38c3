// A picture that anybody knows, for programs and tests without a camera.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "hwalloc/export.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/result.h"

namespace hwalloc {

class Memory;

// Eight bars of 75 % intensity (white, yellow, cyan, green, magenta, red, blue, black), which wander to the
// left by two pixels with each frame, drawn by the CPU. Thread-safety: several threads may draw at once.
class HWALLOC_API TestPattern {
public:
    // Prepares the rows of pictures of this layout, linear and in one memory, in any format of R, G and B, of
    // Y'CbCr or of grey whose pixels are whole bytes by twos (hwalloc/pixel_format.h). Y'CbCr numbers are
    // made by the layout's matrix and range (limited where it leaves the range open; grey needs no matrix).
    // Errors: unsupported (another format, no matrix), invalid (a picture that does not lie inside
    // layout.memory_sizes[0]), exhausted (no memory for the rows).
    static Result<TestPattern> make(const ImageLayout& layout) noexcept;

    TestPattern(TestPattern&&) noexcept;
    TestPattern& operator=(TestPattern&&) noexcept;
    ~TestPattern();

    // Draws frame number `frame` into the memory of a picture, which is mapped for writing meanwhile.
    // Allocates nothing. Errors: incompatible (fewer than layout.memory_sizes[0] bytes), and those of
    // Memory::map.
    Result<void> draw(Memory& memory, std::uint32_t frame) const noexcept;
    // The same into bytes that are mapped. Errors: incompatible.
    Result<void> draw(std::span<std::uint8_t> picture, std::uint32_t frame) const noexcept;

    // The R'G'B' colour of column `x` in frame `frame`: what a reader of the picture should find, within the
    // rounding of the format.
    std::array<std::uint8_t, 3> color_at(std::uint32_t x, std::uint32_t frame) const noexcept;

private:
    struct HWALLOC_LOCAL Rows;
    explicit TestPattern(std::unique_ptr<const Rows> rows) noexcept;
    std::unique_ptr<const Rows> rows_;
};

} // namespace hwalloc
