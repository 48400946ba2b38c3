#include "tools/image/mosaic.h"

#include <algorithm>
#include <cstddef>

namespace hwalloc::tools {

std::array<double, 3> Mosaic::color_at(std::uint32_t x, std::uint32_t y) const {
    const auto filter = [&](std::uint32_t column, std::uint32_t row) {
        return filters[row % 2 * 2 + column % 2];
    };
    const auto number = [&](std::uint32_t column, std::uint32_t row) {
        return numbers[std::size_t{row} * width + column];
    };
    std::array<std::uint32_t, 3> sums{}, counts{};
    for (std::uint32_t row = y ? y - 1 : 0; row <= std::min(y + 1, height - 1); ++row)
        for (std::uint32_t column = x ? x - 1 : 0; column <= std::min(x + 1, width - 1); ++column) {
            const std::uint8_t color = filter(column, row);
            sums[color] += number(column, row);
            ++counts[color];
        }
    const std::uint8_t own = filter(x, y);
    std::array<double, 3> color{};
    for (std::size_t i = 0; i < 3; ++i)
        color[i] = i == own || !counts[i] ? number(x, y) : static_cast<double>(sums[i]) / counts[i];
    return color;
}

} // namespace hwalloc::tools
