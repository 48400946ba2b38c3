#include "tools/image/convert.h"

#include <algorithm>
#include <cmath>

#include "tools/image/room.h"

namespace hwalloc::tools {
namespace {

constexpr int one = 1 << 16; // of the fixed-point numbers

std::uint8_t to_byte(int fixed) {
    return static_cast<std::uint8_t>(std::clamp((fixed + one / 2) >> 16, 0, 255));
}

// R = y * Y + r_cr * Cr and so on, with the offsets of Y, Cb and Cr taken off first. Chroma is at most 128
// away from its zero and no factor exceeds 2.2, so all sums stay below 2^31.
struct Matrix {
    int black = 0, y = one, r_cr = 0, g_cb = 0, g_cr = 0, b_cb = 0;
};

int fixed(double value) {
    return static_cast<int>(std::lround(value * one));
}

// For grey and R'G'B' the weights do not matter: there is no chroma.
Matrix make_matrix(ColorMatrix matrix, ColorRange range) {
    const bool full = range == ColorRange::full;
    const double luma = full ? 1.0 : 255.0 / 219, chroma = full ? 1.0 : 255.0 / 224;
    Matrix m{.black = full ? 0 : 16, .y = fixed(luma)};
    double kr, kb;
    if (!luma_weights(matrix, kr, kb))
        return m;
    const double kg = 1 - kr - kb;
    m.r_cr = fixed(2 * (1 - kr) * chroma);
    m.b_cb = fixed(2 * (1 - kb) * chroma);
    m.g_cr = fixed(2 * (1 - kr) * kr / kg * chroma);
    m.g_cb = fixed(2 * (1 - kb) * kb / kg * chroma);
    return m;
}

void put(const Matrix& m, int y, int cb, int cr, std::uint8_t* rgb) {
    y = (y - m.black) * m.y;
    cb -= 128;
    cr -= 128;
    rgb[0] = to_byte(y + m.r_cr * cr);
    rgb[1] = to_byte(y - m.g_cb * cb - m.g_cr * cr);
    rgb[2] = to_byte(y + m.b_cb * cb);
}

// Reads one row; `chroma` is the row of the second plane that belongs to it, if there is one.
using RowReader = void (*)(const Matrix& m, const std::uint8_t* row, const std::uint8_t* chroma,
                           std::size_t width, std::uint8_t* rgb);

template<int luma_at, int chroma_at>
void read_packed(const Matrix& m, const std::uint8_t* row, const std::uint8_t*, std::size_t width,
                 std::uint8_t* rgb) {
    for (std::size_t x = 0; x < width; ++x) {
        const std::uint8_t* pair = row + (x / 2) * 4;
        put(m, pair[luma_at + (x & 1) * 2], pair[chroma_at], pair[chroma_at + 2], rgb + 3 * x);
    }
}

void read_nv12(const Matrix& m, const std::uint8_t* row, const std::uint8_t* chroma, std::size_t width,
               std::uint8_t* rgb) {
    for (std::size_t x = 0; x < width; ++x)
        put(m, row[x], chroma[x / 2 * 2], chroma[x / 2 * 2 + 1], rgb + 3 * x);
}

void read_grey(const Matrix& m, const std::uint8_t* row, const std::uint8_t*, std::size_t width,
               std::uint8_t* rgb) {
    for (std::size_t x = 0; x < width; ++x)
        put(m, row[x], 128, 128, rgb + 3 * x);
}

template<int bytes, int red, int green, int blue>
void read_rgb(const Matrix& m, const std::uint8_t* row, const std::uint8_t*, std::size_t width,
              std::uint8_t* rgb) {
    for (std::size_t x = 0; x < width; ++x, row += bytes, rgb += 3) {
        rgb[0] = to_byte((row[red] - m.black) * m.y);
        rgb[1] = to_byte((row[green] - m.black) * m.y);
        rgb[2] = to_byte((row[blue] - m.black) * m.y);
    }
}

struct Converter {
    RowReader read;
    std::uint32_t fourcc;
    unsigned chroma_rows = 1; // rows of the image for each row of the second plane
};
constexpr Converter converters[] = {
    {read_packed<0, 1>, fourcc('Y', 'U', 'Y', 'V')},
    {read_packed<1, 0>, fourcc('U', 'Y', 'V', 'Y')},
    {read_nv12, fourcc('N', 'V', '1', '2'), 2},
    {read_rgb<3, 0, 1, 2>, fourcc('B', 'G', '2', '4')},
    {read_rgb<4, 2, 1, 0>, fourcc('X', 'R', '2', '4')},
    {read_rgb<4, 2, 1, 0>, fourcc('A', 'R', '2', '4')},
    {read_grey, fourcc('R', '8', ' ', ' ')},
};

const Converter* find_converter(std::uint32_t code) {
    for (const Converter& converter : converters)
        if (converter.fourcc == code)
            return &converter;
    return nullptr;
}

} // namespace

Result<void> can_convert(const ImageLayout& layout) {
    if (!find_converter(layout.fourcc) || layout.modifier != linear_modifier)
        return Error(ErrorKind::unsupported, "there is no converter from this pixel format to a picture");
    double kr, kb;
    const bool has_chroma = is_yuv(layout.fourcc) && layout.fourcc != fourcc('R', '8', ' ', ' ');
    if (has_chroma && !luma_weights(layout.matrix, kr, kb))
        return Error(
            ErrorKind::unsupported,
            "there is no converter from these colours (constant luminance, or none told) to a picture");
    return {};
}

Result<void> to_rgb(const ImageLayout& layout, std::span<const std::span<const std::uint8_t>> memories,
                    std::vector<std::uint8_t>& rgb) {
    if (auto can = can_convert(layout); !can)
        return can;
    const Converter& converter = *find_converter(layout.fourcc);
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        const ImagePlane& plane = layout.planes[i];
        const std::uint64_t held = plane.memory < memories.size() ? memories[plane.memory].size() : 0;
        if (plane.offset > held || plane.size > held - plane.offset)
            return Error(ErrorKind::invalid, "the picture is shorter than its layout says")
                .wanted(plane.offset + plane.size)
                .held(held);
    }
    const Matrix matrix = make_matrix(layout.matrix, layout.range);
    const std::size_t row_bytes = std::size_t{3} * layout.width;
    if (auto room = make_room(rgb, std::uint64_t{row_bytes} * layout.height); !room)
        return room;
    for (std::uint32_t y = 0; y < layout.height; ++y) {
        const auto row_of = [&](std::uint32_t number, std::uint32_t row) {
            const ImagePlane& plane = layout.planes[number];
            return memories[plane.memory].data() + plane.offset + std::size_t{plane.stride} * row;
        };
        converter.read(matrix, row_of(0, y),
                       layout.plane_count > 1 ? row_of(1, y / converter.chroma_rows) : nullptr, layout.width,
                       rgb.data() + row_bytes * y);
    }
    return {};
}

} // namespace hwalloc::tools
