#include "hwalloc/test_pattern.h"

#include <algorithm>
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

// A colour in the levels of the components: R, G and B, or Y from 0 to 1 and Cb and Cr from -0.5 to 0.5;
// alpha is 1.
using Levels = std::array<double, 4>;

Levels levels_of(const Color& rgb, const ImageLayout& layout, const PixelFormat& format) noexcept {
    const double r = rgb[0] / 255.0, g = rgb[1] / 255.0, b = rgb[2] / 255.0;
    if (!format.is_yuv())
        return {r, g, b, 1};
    double kr = 0.299, kb = 0.114; // grey, whose matrix nobody tells
    (void)luma_weights(layout.matrix, kr, kb);
    const double y = kr * r + (1 - kr - kb) * g + kb * b;
    return {y, (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr)), 1};
}

// A level as a number of so many bits. Limited range is defined for 8, and multiplied by powers of two.
std::uint32_t number_of(double level, unsigned bits, bool is_chroma, bool full) noexcept {
    const double numbers = std::uint32_t{1} << bits, unit = numbers / 256;
    const double value = full        ? level * (numbers - 1) + (is_chroma ? numbers / 2 : 0)
                         : is_chroma ? (128 + 224 * level) * unit
                                     : (16 + 219 * level) * unit;
    return static_cast<std::uint32_t>(std::clamp(value + 0.5, 0.0, numbers - 1));
}

// Whether two pixels are whole bytes in each plane, and every row like the next.
bool has_pairs(const PixelFormat& format) noexcept {
    if ((format.kind != PixelKind::rgb && !format.is_yuv()) || format.is_float ||
        format.packing == PixelPacking::mipi || format.chroma_columns > 2)
        return false;
    return std::all_of(format.planes.begin(), format.planes.begin() + format.plane_count,
                       [](const PixelPlane& plane) { return plane.columns <= 2; });
}

// Two neighbouring pixels of one colour, as they stand in each plane.
struct Pair {
    std::array<std::array<std::uint8_t, 16>, 3> bytes{};
};

std::uint32_t pair_bytes_of(const PixelPlane& plane) noexcept {
    return std::uint32_t{plane.bytes} * 2 / plane.columns;
}

// Bits that mean nothing are 1 beside R, G and B, as an alpha that somebody may read, and 0 beside Y, Cb and
// Cr.
Pair make_pair_of(const PixelFormat& format, const Color& color, const ImageLayout& layout) noexcept {
    const bool full = layout.range == ColorRange::full;
    const std::size_t swap = format.packing == PixelPacking::big_endian_16   ? 1
                             : format.packing == PixelPacking::big_endian_32 ? 3
                                                                             : 0;
    const Levels levels = levels_of(color, layout, format);
    Pair pair;
    if (!format.is_yuv())
        for (auto& plane : pair.bytes)
            plane.fill(0xff);
    for (std::size_t i = 0; i < 4; ++i) {
        const PixelComponent& component = format.components[i];
        const bool is_chroma = format.kind == PixelKind::yuv && (i == 1 || i == 2);
        const std::uint32_t number = component.bits == 0 ? 0
                                     : i == 3            ? ~std::uint32_t{0}
                                              : number_of(levels[i], component.bits, is_chroma, full);
        for (std::size_t n = 0; n < (is_chroma && format.chroma_columns == 2 ? 1u : 2u); ++n)
            for (std::size_t bit = 0; bit < component.bits; ++bit) {
                const std::size_t at = component.first + n * component.step + bit;
                std::uint8_t& byte = pair.bytes[component.plane][at / 8 ^ swap];
                const auto mask = static_cast<std::uint8_t>(1u << at % 8);
                byte = static_cast<std::uint8_t>(number >> bit & 1 ? byte | mask : byte & ~mask);
            }
    }
    return pair;
}

std::uint32_t bar_at(std::uint64_t x, std::uint32_t period) noexcept {
    return static_cast<std::uint32_t>((x & ~std::uint64_t{1}) * 8 / period);
}

Result<void> drawable(const ImageLayout& layout) noexcept {
    const PixelFormat* format = pixel_format_by_drm(layout.fourcc);
    if (!format || !has_pairs(*format))
        return Error(ErrorKind::unsupported, "no test pattern is known for this pixel format");
    if (layout.modifier != linear_modifier || layout.memory_count != 1 || layout.width == 0 ||
        layout.height == 0)
        return Error(ErrorKind::unsupported, "a test pattern is drawn into linear pixels in one memory");
    double kr, kb;
    if (format->kind == PixelKind::yuv && !luma_weights(layout.matrix, kr, kb))
        return Error(ErrorKind::unsupported, "a test pattern in Y'CbCr needs a matrix in its layout");
    return {};
}

} // namespace

struct TestPattern::Rows {
    ImageLayout layout;
    const PixelFormat* format = nullptr;
    std::uint32_t period = 0; // pixels after which the pattern repeats: the width, made even
    // A row of each plane, twice as long as the picture, so that each shift is a part of it.
    std::array<std::vector<std::uint8_t>, 3> row;

    std::uint32_t shift(std::uint32_t frame) const noexcept {
        return static_cast<std::uint32_t>(std::uint64_t{frame} * 2 % period);
    }
    std::uint32_t pair_bytes(unsigned plane) const noexcept { return pair_bytes_of(format->planes[plane]); }
    // Of a row of the plane. The last pixel of an odd width is half a pair where pixels stand alone.
    std::size_t row_bytes(unsigned plane) const noexcept {
        const PixelPlane& shape = format->planes[plane];
        return std::size_t{shape.columns == 1 ? layout.width : period / 2} * shape.bytes;
    }
    std::uint32_t rows_of(unsigned plane) const noexcept {
        return (layout.height - 1) / format->planes[plane].rows + 1;
    }
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
        std::array<Pair, 8> pairs;
        for (std::size_t i = 0; i < pairs.size(); ++i)
            pairs[i] = make_pair_of(*format, colors[i], layout);
        for (unsigned plane = 0; plane < layout.plane_count; ++plane) {
            const std::uint32_t bytes = pair_bytes(plane);
            row[plane].resize(std::size_t{period} * bytes); // twice the period, in pairs
            for (std::uint64_t x = 0; x < 2 * std::uint64_t{period}; x += 2)
                std::memcpy(row[plane].data() + static_cast<std::size_t>(x / 2) * bytes,
                            pairs[bar_at(x % period, period)].bytes[plane].data(), bytes);
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
    rows->format = pixel_format_by_drm(layout.fourcc);
    if (layout.plane_count != rows->format->plane_count || !rows->fits())
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
            rows_->row[plane].data() + std::size_t{rows_->shift(frame) / 2} * rows_->pair_bytes(plane);
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
