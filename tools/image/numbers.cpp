#include "tools/image/numbers.h"

namespace hwalloc::tools {
namespace {

// Which byte stands where one is expected: the packings swap the bytes of words.
std::size_t swap_of(PixelPacking packing) {
    switch (packing) {
    case PixelPacking::big_endian_16:
        return 1;
    case PixelPacking::big_endian_32:
        return 3;
    case PixelPacking::little_endian:
    case PixelPacking::mipi:
        break;
    }
    return 0;
}

void read_mipi(const PixelFormat& format, const std::uint8_t* row, std::span<std::uint16_t> numbers) {
    const PixelPlane& plane = format.planes[0];
    const unsigned low_bits = format.depth() - 8u, low_mask = (1u << low_bits) - 1;
    for (std::size_t first = 0; first < numbers.size(); first += plane.columns, row += plane.bytes) {
        std::uint32_t lows = 0;
        for (std::size_t i = plane.columns; i < plane.bytes; ++i)
            lows |= std::uint32_t{row[i]} << 8 * (i - plane.columns);
        for (std::size_t i = 0; i < plane.columns && first + i < numbers.size(); ++i)
            numbers[first + i] =
                static_cast<std::uint16_t>(unsigned{row[i]} << low_bits | (lows >> low_bits * i & low_mask));
    }
}

} // namespace

void read_numbers(const PixelFormat& format, const PixelComponent& component, const std::uint8_t* row,
                  std::span<std::uint16_t> numbers) {
    if (format.packing == PixelPacking::mipi)
        return read_mipi(format, row, numbers);
    const std::size_t swap = swap_of(format.packing);
    const std::uint32_t mask = (1u << component.bits) - 1;
    std::size_t bit = component.first;
    for (std::uint16_t& number : numbers) {
        const std::size_t last = (bit + component.bits - 1) / 8;
        std::uint32_t word = 0;
        for (std::size_t byte = last + 1; byte-- > bit / 8;)
            word = word << 8 | row[byte ^ swap];
        number = static_cast<std::uint16_t>(word >> bit % 8 & mask);
        bit += component.step;
    }
}

} // namespace hwalloc::tools
