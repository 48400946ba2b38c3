#include "tools/image/bars.h"

#include <cmath>
#include <cstring>

#include "tools/image/convert.h"

namespace hwalloc::tools {
namespace {

constexpr std::uint8_t high = 191; // 75 %
constexpr std::array<std::uint8_t, 3> colors[8] = {{high, high, high}, {high, high, 0}, {0, high, high},
                                                   {0, high, 0},       {high, 0, high}, {high, 0, 0},
                                                   {0, 0, high},       {0, 0, 0}};

std::uint8_t round_to_byte(double value) {
    return static_cast<std::uint8_t>(std::lround(value));
}

// A colour in the numbers of the format: Y, Cb, Cr, or R, G, B.
std::array<std::uint8_t, 3> encode(const std::array<std::uint8_t, 3>& rgb, const ImageLayout& layout) {
    const bool full = layout.range == ColorRange::full;
    const double black = full ? 0 : 16, luma = full ? 255 : 219, chroma = full ? 255 : 224;
    const double r = rgb[0] / 255.0, g = rgb[1] / 255.0, b = rgb[2] / 255.0;
    if (!is_yuv(layout.fourcc))
        return {round_to_byte(black + luma * r), round_to_byte(black + luma * g),
                round_to_byte(black + luma * b)};
    double kr = 0.299, kb = 0.114; // grey, whose matrix nobody tells
    luma_weights(layout.matrix, kr, kb);
    const double y = kr * r + (1 - kr - kb) * g + kb * b;
    return {round_to_byte(black + luma * y), round_to_byte(128 + chroma * (b - y) / (2 * (1 - kb))),
            round_to_byte(128 + chroma * (r - y) / (2 * (1 - kr)))};
}

// Two neighbouring pixels of one colour, as they stand in each plane.
struct Pair {
    std::uint8_t bytes[2][8];
    std::uint32_t sizes[2];
};

Pair make_pair_of(std::uint32_t code, const std::array<std::uint8_t, 3>& c) {
    switch (code) {
    case fourcc('Y', 'U', 'Y', 'V'):
        return {{{c[0], c[1], c[0], c[2]}}, {4, 0}};
    case fourcc('U', 'Y', 'V', 'Y'):
        return {{{c[1], c[0], c[2], c[0]}}, {4, 0}};
    case fourcc('N', 'V', '1', '2'):
        return {{{c[0], c[0]}, {c[1], c[2]}}, {2, 2}};
    case fourcc('B', 'G', '2', '4'):
        return {{{c[0], c[1], c[2], c[0], c[1], c[2]}}, {6, 0}};
    case fourcc('R', '8', ' ', ' '):
        return {{{c[0], c[0]}}, {2, 0}};
    default: // XR24, AR24
        return {{{c[2], c[1], c[0], 255, c[2], c[1], c[0], 255}}, {8, 0}};
    }
}

std::uint32_t bar_at(std::uint32_t x, std::uint32_t period) {
    return static_cast<std::uint32_t>(std::uint64_t{x & ~1u} * 8 / period);
}

} // namespace

Result<Bars> Bars::make(const ImageLayout& layout) {
    if (auto can = can_convert(layout); !can)
        return std::move(can).error();
    Bars bars(layout);
    bars.period_ = layout.width + (layout.width & 1);
    bars.row_step_[1] = 2; // of NV12, the only one with a second plane
    Pair pairs[8];
    for (int i = 0; i < 8; ++i)
        pairs[i] = make_pair_of(layout.fourcc, encode(colors[i], layout));
    for (unsigned plane = 0; plane < layout.plane_count; ++plane) {
        const std::uint32_t bytes = pairs[0].sizes[plane];
        bars.pair_bytes_[plane] = bytes;
        bars.rows_[plane].resize(std::size_t{bars.period_} * bytes); // twice the period, in pairs
        for (std::uint32_t x = 0; x < 2 * bars.period_; x += 2)
            std::memcpy(bars.rows_[plane].data() + std::size_t{x / 2} * bytes,
                        pairs[bar_at(x % bars.period_, bars.period_)].bytes[plane], bytes);
    }
    return bars;
}

std::uint32_t Bars::shift(std::uint32_t frame) const {
    return static_cast<std::uint32_t>(std::uint64_t{frame} * 2 % period_);
}

void Bars::draw(std::span<std::uint8_t> image, std::uint32_t frame) const {
    for (unsigned plane = 0; plane < layout_.plane_count; ++plane) {
        const ImagePlane& at = layout_.planes[plane];
        const std::size_t start = std::size_t{shift(frame) / 2} * pair_bytes_[plane];
        // The last pixel of an odd width is half a pair.
        const std::size_t bytes = plane == 0 && pair_bytes_[0] != 4
                                      ? std::size_t{layout_.width} * pair_bytes_[0] / 2
                                      : std::size_t{period_} / 2 * pair_bytes_[plane];
        const std::uint32_t rows = (layout_.height + row_step_[plane] - 1) / row_step_[plane];
        for (std::uint32_t y = 0; y < rows; ++y)
            std::memcpy(image.data() + at.offset + std::size_t{at.stride} * y, rows_[plane].data() + start,
                        bytes);
    }
}

std::array<std::uint8_t, 3> Bars::color_at(std::uint32_t x, std::uint32_t frame) const {
    return colors[bar_at((x + shift(frame)) % period_, period_)];
}

} // namespace hwalloc::tools
