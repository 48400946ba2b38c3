#include "hwalloc/test_pattern.h"

#include <cstring>
#include <new>
#include <vector>

#include "common/checked.h"
#include "hwalloc/memory.h"

namespace hwalloc {
namespace {

using Color = std::array<std::uint8_t, 3>;

constexpr std::uint8_t high = 191; // 75 %
constexpr Color colors[8] = {{high, high, high}, {high, high, 0}, {0, high, high}, {0, high, 0},
                             {high, 0, high},    {high, 0, 0},    {0, 0, high},    {0, 0, 0}};

// `value` is from 0 to 255.
std::uint8_t round_to_byte(double value) noexcept {
    return static_cast<std::uint8_t>((static_cast<unsigned>(value * 2) + 1) / 2);
}

// A colour in the numbers of the format: Y, Cb, Cr, or R, G, B.
Color encode(const Color& rgb, const ImageLayout& layout) noexcept {
    const bool full = layout.range == ColorRange::full;
    const double black = full ? 0 : 16, luma = full ? 255 : 219, chroma = full ? 255 : 224;
    const double r = rgb[0] / 255.0, g = rgb[1] / 255.0, b = rgb[2] / 255.0;
    if (!is_yuv(layout.fourcc))
        return {round_to_byte(black + luma * r), round_to_byte(black + luma * g),
                round_to_byte(black + luma * b)};
    double kr = 0.299, kb = 0.114; // grey, whose matrix nobody tells
    (void)luma_weights(layout.matrix, kr, kb);
    const double y = kr * r + (1 - kr - kb) * g + kb * b;
    return {round_to_byte(black + luma * y), round_to_byte(128 + chroma * (b - y) / (2 * (1 - kb))),
            round_to_byte(128 + chroma * (r - y) / (2 * (1 - kr)))};
}

// Two neighbouring pixels of one colour, as they stand in each plane.
struct Pair {
    std::uint8_t bytes[2][8];
    std::uint32_t sizes[2]; // 0 in the first: the format is not known here
};

Pair make_pair_of(std::uint32_t code, const Color& c) noexcept {
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
    case fourcc('X', 'R', '2', '4'):
    case fourcc('A', 'R', '2', '4'):
        return {{{c[2], c[1], c[0], 255, c[2], c[1], c[0], 255}}, {8, 0}};
    default:
        return {};
    }
}

std::uint32_t bar_at(std::uint64_t x, std::uint32_t period) noexcept {
    return static_cast<std::uint32_t>((x & ~std::uint64_t{1}) * 8 / period);
}

Result<void> drawable(const ImageLayout& layout) noexcept {
    const Pair pair = make_pair_of(layout.fourcc, {});
    if (pair.sizes[0] == 0)
        return Error(ErrorKind::unsupported, "no test pattern is known for this pixel format");
    if (layout.modifier != linear_modifier || layout.memory_count != 1 || layout.width == 0 ||
        layout.height == 0)
        return Error(ErrorKind::unsupported, "a test pattern is drawn into linear pixels in one memory");
    double kr, kb;
    const bool chroma = is_yuv(layout.fourcc) && layout.fourcc != fourcc('R', '8', ' ', ' ');
    if (chroma && !luma_weights(layout.matrix, kr, kb))
        return Error(ErrorKind::unsupported, "a test pattern in Y'CbCr needs a matrix in its layout");
    return {};
}

} // namespace

struct TestPattern::Rows {
    ImageLayout layout;
    std::uint32_t period = 0; // pixels after which the pattern repeats: the width, made even
    // A row of each plane, twice as long as the picture, so that each shift is a part of it.
    std::array<std::vector<std::uint8_t>, 2> row;
    std::array<std::uint32_t, 2> pair_bytes{};   // of two pixels in each plane
    std::array<std::uint32_t, 2> row_step{1, 2}; // rows of the picture for each row of the plane

    std::uint32_t shift(std::uint32_t frame) const noexcept {
        return static_cast<std::uint32_t>(std::uint64_t{frame} * 2 % period);
    }
    // Of a row of the plane. The last pixel of an odd width is half a pair where pixels stand alone.
    std::size_t row_bytes(unsigned plane) const noexcept {
        return plane == 0 && pair_bytes[0] != 4 ? std::size_t{layout.width} * pair_bytes[0] / 2
                                                : std::size_t{period} / 2 * pair_bytes[plane];
    }
    std::uint32_t rows_of(unsigned plane) const noexcept { return (layout.height - 1) / row_step[plane] + 1; }
    bool fits() const noexcept {
        for (unsigned plane = 0; plane < layout.plane_count; ++plane) {
            const ImagePlane& at = layout.planes[plane];
            std::uint64_t end;
            if (row_bytes(plane) > at.stride ||
                !checked_mul(std::uint64_t{at.stride}, std::uint64_t{rows_of(plane) - 1}, end) ||
                !checked_add(end, std::uint64_t{row_bytes(plane)}, end) ||
                !checked_add(end, at.offset, end) || end > layout.memory_sizes[0])
                return false;
        }
        return true;
    }
    void fill() {
        Pair pairs[8];
        for (int i = 0; i < 8; ++i)
            pairs[i] = make_pair_of(layout.fourcc, encode(colors[i], layout));
        for (unsigned plane = 0; plane < layout.plane_count; ++plane) {
            const std::uint32_t bytes = pairs[0].sizes[plane];
            row[plane].resize(std::size_t{period} * bytes); // twice the period, in pairs
            for (std::uint64_t x = 0; x < 2 * std::uint64_t{period}; x += 2)
                std::memcpy(row[plane].data() + static_cast<std::size_t>(x / 2) * bytes,
                            pairs[bar_at(x % period, period)].bytes[plane], bytes);
        }
    }
};

TestPattern::TestPattern(std::unique_ptr<const Rows> rows) noexcept : rows_(std::move(rows)) {}
TestPattern::TestPattern(TestPattern&&) noexcept = default;
TestPattern& TestPattern::operator=(TestPattern&&) noexcept = default;
TestPattern::~TestPattern() = default;

Result<TestPattern> TestPattern::make(const ImageLayout& layout) noexcept try {
    if (auto can = drawable(layout); !can)
        return Error(can.error()).on(fourcc_name(layout.fourcc));
    if (layout.width == UINT32_MAX)
        return Error(ErrorKind::invalid, "a test pattern's picture does not lie inside its memory");
    auto rows = std::make_unique<Rows>();
    rows->layout = layout;
    rows->period = layout.width + (layout.width & 1);
    const Pair pair = make_pair_of(layout.fourcc, {});
    rows->pair_bytes = {pair.sizes[0], pair.sizes[1]};
    if (layout.plane_count != (pair.sizes[1] ? 2u : 1u) || !rows->fits())
        return Error(ErrorKind::invalid, "a test pattern's picture does not lie inside its memory");
    rows->fill();
    return TestPattern(std::move(rows));
} catch (const std::bad_alloc&) {
    return Error(ErrorKind::exhausted, "no memory for the rows of a test pattern");
}

Result<void> TestPattern::draw(Memory& memory, std::uint32_t frame) const noexcept {
    auto mapping = memory.map(MapFlags::write);
    if (!mapping)
        return std::move(mapping).error();
    auto drawn = draw(mapping->bytes(), frame);
    auto ended = mapping->unmap();
    return drawn ? std::move(ended) : std::move(drawn);
}

Result<void> TestPattern::draw(std::span<std::uint8_t> picture, std::uint32_t frame) const noexcept {
    const ImageLayout& layout = rows_->layout;
    if (picture.size() < layout.memory_sizes[0])
        return Error(ErrorKind::incompatible, "the memory is smaller than a picture of the test pattern")
            .wanted(layout.memory_sizes[0])
            .held(picture.size());
    for (unsigned plane = 0; plane < layout.plane_count; ++plane) {
        const ImagePlane& at = layout.planes[plane];
        const std::uint8_t* from =
            rows_->row[plane].data() + std::size_t{rows_->shift(frame) / 2} * rows_->pair_bytes[plane];
        std::uint8_t* to = picture.data() + static_cast<std::size_t>(at.offset);
        for (std::uint32_t y = 0; y < rows_->rows_of(plane); ++y)
            std::memcpy(to + std::size_t{at.stride} * y, from, rows_->row_bytes(plane));
    }
    return {};
}

std::array<std::uint8_t, 3> TestPattern::color_at(std::uint32_t x, std::uint32_t frame) const noexcept {
    return colors[bar_at((std::uint64_t{x} + rows_->shift(frame)) % rows_->period, rows_->period)];
}

} // namespace hwalloc
