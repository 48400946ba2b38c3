#include "tools/gpu/conversion.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "tools/image/picture.h"

namespace hwalloc::tools {
namespace {

// What makes a number a level: from 0 to 1, and of chroma from -0.5 to 0.5. For limited range see
// tools/image/picture.h.
struct Scale {
    double factor = 0, zero = 0;
};

Scale scale_of(unsigned bits, bool is_chroma, bool full) {
    if (bits == 0)
        return {};
    const double numbers = std::exp2(bits), unit = numbers / 256;
    return {full ? 1 / (numbers - 1) : 1 / ((is_chroma ? 224 : 219) * unit), is_chroma ? numbers / 2
                                                                             : full    ? 0
                                                                                       : 16 * unit};
}

// Rows of factors for the components' levels.
using Factors = std::array<std::array<double, 3>, 3>;

Factors factors_of(const PixelFormat& format, const ImageLayout& layout) {
    if (format.kind == PixelKind::grey)
        return {{{1, 0, 0}, {1, 0, 0}, {1, 0, 0}}};
    double kr, kb;
    if (format.kind != PixelKind::yuv || !luma_weights(layout.matrix, kr, kb))
        return {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    const double kg = 1 - kr - kb, r_cr = 2 * (1 - kr), b_cb = 2 * (1 - kb);
    return {{{1, 0, r_cr}, {1, -b_cb * kb / kg, -r_cr * kr / kg}, {1, b_cb, 0}}};
}

void set_colors(const PixelFormat& format, const ImageLayout& layout, ConversionParameters& parameters) {
    const Factors factors = factors_of(format, layout);
    const auto row = [&](const std::array<double, 3>& levels) {
        std::array<float, 4> numbers{};
        double constant = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            const Scale scale = scale_of(format.components[i].bits, format.kind == PixelKind::yuv && i > 0,
                                         layout.range == ColorRange::full);
            numbers[i] = static_cast<float>(levels[i] * scale.factor);
            constant -= levels[i] * scale.factor * scale.zero;
        }
        numbers[3] = static_cast<float>(constant);
        return numbers;
    };
    parameters.red = row(factors[0]);
    parameters.green = row(factors[1]);
    parameters.blue = row(factors[2]);
}

ConversionConstants constants_of(const PixelFormat& format) {
    ConversionConstants constants{.components = {},
                                  .columns = format.chroma_columns,
                                  .rows = format.chroma_rows,
                                  .swapped_bytes = format.packing == PixelPacking::big_endian_16   ? 2u
                                                   : format.packing == PixelPacking::big_endian_32 ? 4u
                                                                                                   : 1u,
                                  .blue_first = 0,
                                  .rows_at_words = 1,
                                  .memory_per_plane = 0,
                                  .wide = 0};
    for (std::size_t i = 0; i < 3; ++i) {
        const PixelComponent& component = format.components[i];
        constants.components[i] = {component.plane, component.first, component.step, component.bits};
    }
    return constants;
}

// Whether all planes are in one memory, or each in its own.
bool has_known_memories(const ImageLayout& layout) {
    if (layout.memory_count != 1 && layout.memory_count != layout.plane_count)
        return false;
    for (std::uint32_t i = 0; i < layout.plane_count; ++i)
        if (layout.planes[i].memory != (layout.memory_count > 1 ? i : 0))
            return false;
    return true;
}

} // namespace

bool converts(const PixelFormat& format) noexcept {
    return (format.kind == PixelKind::rgb || format.is_yuv()) && !format.is_float &&
           format.packing != PixelPacking::mipi;
}

Result<Conversion> make_conversion(const ImageLayout& layout, std::uint32_t picture_pitch, PixelOrder order) {
    const PixelFormat* format = pixel_format_by_drm(layout.fourcc);
    if (!format || !converts(*format) || layout.modifier != linear_modifier || !has_known_memories(layout))
        return Error(ErrorKind::unsupported, "converting on the GPU")
            .doing("converting frames of " + fourcc_name(layout.fourcc) + " on the GPU")
            .remedy("it takes linear R, G and B, Y'CbCr and grey: choose a format such as YUYV, NV12 or "
                    "RGB24 with "
                    "--format");
    if (layout.width == 0 || layout.height == 0)
        return Error(ErrorKind::invalid, "a frame without pixels");
    if (auto can = can_convert(*format, layout); !can)
        return std::move(can).error();

    Conversion conversion{.constants = constants_of(*format)};
    ConversionParameters& parameters = conversion.parameters;
    conversion.memory_count = layout.memory_count;
    conversion.constants.memory_per_plane = layout.memory_count > 1 ? 1 : 0;
    conversion.constants.blue_first = order == PixelOrder::bgra ? 1 : 0;
    conversion.constants.wide = order == PixelOrder::rgba_16 ? 1 : 0;
    for (std::size_t i = 0; i < format->plane_count; ++i) {
        const PixelPlane& shape = format->planes[i];
        const ImagePlane& plane = layout.planes[i];
        const std::uint64_t rows = (layout.height - 1) / shape.rows + std::uint64_t{1},
                            row_bytes = ((layout.width - 1) / shape.columns + std::uint64_t{1}) * shape.bytes;
        std::uint64_t& end = conversion.frame_bytes[plane.memory];
        end = std::max(end, plane.offset + plane.stride * (rows - 1) + row_bytes);
        parameters.planes[i] = {static_cast<std::uint32_t>(plane.offset), plane.stride};
        if (plane.offset % 4 != 0 || plane.stride % 4 != 0)
            conversion.constants.rows_at_words = 0;
    }

    const std::uint64_t tight = std::uint64_t{bytes_of_pixel(order)} * layout.width;
    const std::uint64_t pitch = picture_pitch ? picture_pitch : tight;
    if (pitch % 4 || pitch < tight)
        return Error(ErrorKind::invalid, "a row of the picture is no multiple of 4 bytes, or too short")
            .wanted(tight)
            .held(pitch);
    conversion.picture_bytes = pitch * (layout.height - 1) + tight;
    const std::uint64_t frame_bytes =
        *std::max_element(conversion.frame_bytes.begin(), conversion.frame_bytes.end());
    if (frame_bytes > most_bytes_converted || conversion.picture_bytes > most_bytes_converted)
        return Error(ErrorKind::limit, "the frame is too large to be converted on the GPU")
            .wanted(std::max(frame_bytes, conversion.picture_bytes))
            .held(most_bytes_converted);

    set_colors(*format, layout, parameters);
    parameters.width = layout.width;
    parameters.height = layout.height;
    for (std::uint32_t i = 0; i < layout.memory_count; ++i)
        parameters.last_words[i] = static_cast<std::uint32_t>((conversion.frame_bytes[i] - 1) / 4);
    parameters.picture_stride = static_cast<std::uint32_t>(pitch / 4);
    return conversion;
}

} // namespace hwalloc::tools
