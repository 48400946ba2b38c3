#include "tools/gpu/conversion.h"

#include <algorithm>
#include <string>

#include "tools/image/convert.h"

namespace hwalloc::tools {
namespace {

struct Known {
    std::uint32_t fourcc;
    FrameFormat format;
};
constexpr Known formats[] = {
    {fourcc('Y', 'U', 'Y', 'V'), FrameFormat::yuyv},
    {fourcc('U', 'Y', 'V', 'Y'), FrameFormat::uyvy},
    {fourcc('N', 'V', '1', '2'), FrameFormat::nv12},
    {fourcc('R', '8', ' ', ' '), FrameFormat::grey},
};

// Samples come to the shader as byte / 255.
void set_colors(const ImageLayout& layout, ConversionParameters& parameters) {
    const bool full = layout.range == ColorRange::full;
    const double black = full ? 0 : 16.0 / 255, luma = full ? 1 : 255.0 / 219;
    double kr, kb, r_cr = 0, b_cb = 0, g_cr = 0, g_cb = 0;
    if (luma_weights(layout.matrix, kr, kb)) { // false for grey that tells none: it has no chroma
        const double chroma = full ? 1 : 255.0 / 224, kg = 1 - kr - kb;
        r_cr = 2 * (1 - kr) * chroma;
        b_cb = 2 * (1 - kb) * chroma;
        g_cr = -r_cr * kr / kg;
        g_cb = -b_cb * kb / kg;
    }
    const auto row = [&](double cb, double cr) {
        return std::array<float, 4>{static_cast<float>(luma), static_cast<float>(cb), static_cast<float>(cr),
                                    static_cast<float>(-luma * black - (cb + cr) * 128 / 255)};
    };
    parameters.red = row(0, r_cr);
    parameters.green = row(g_cb, g_cr);
    parameters.blue = row(b_cb, 0);
}

} // namespace

Result<Conversion> make_conversion(const ImageLayout& layout, std::uint32_t picture_pitch) {
    const auto* known = std::find_if(std::begin(formats), std::end(formats),
                                     [&](const Known& each) { return each.fourcc == layout.fourcc; });
    if (known == std::end(formats) || layout.modifier != linear_modifier || layout.memory_count != 1)
        return Error(ErrorKind::unsupported, "converting on the GPU")
            .doing("converting frames of " + fourcc_name(layout.fourcc) + " on the GPU")
            .remedy("the formats it takes are YUYV, UYVY, NV12 and GREY: choose one with --format");
    if (auto can = can_convert(layout); !can)
        return std::move(can).error();
    if (layout.width == 0 || layout.height == 0)
        return Error(ErrorKind::invalid, "a frame without pixels");

    Conversion conversion;
    conversion.format = known->format;
    ConversionParameters& parameters = conversion.parameters;
    const std::uint32_t even = layout.width + layout.width % 2;
    const bool packed = conversion.format == FrameFormat::yuyv || conversion.format == FrameFormat::uyvy;
    const bool has_chroma_plane = conversion.format == FrameFormat::nv12;
    const auto end_of = [&](const ImagePlane& plane, std::uint64_t rows, std::uint64_t row_bytes) {
        return plane.offset + plane.stride * (rows - 1) + row_bytes;
    };
    const ImagePlane& luma = layout.planes[0];
    const ImagePlane& chroma = layout.planes[has_chroma_plane ? 1 : 0];
    std::uint64_t end =
        end_of(luma, layout.height, packed ? std::uint64_t{2} * even : std::uint64_t{layout.width});
    if (has_chroma_plane)
        end = std::max(end, end_of(chroma, (std::uint64_t{layout.height} + 1) / 2, even));
    conversion.frame_bytes = end;

    const std::uint64_t tight = std::uint64_t{4} * layout.width;
    const std::uint64_t pitch = picture_pitch ? picture_pitch : tight;
    if (pitch % 4 || pitch < tight)
        return Error(ErrorKind::invalid, "a row of the picture is no multiple of 4 bytes, or too short")
            .wanted(tight)
            .held(pitch);
    conversion.picture_bytes = pitch * (layout.height - 1) + tight;
    // What the shader counts in 32 bits, with room for where the buffers begin.
    constexpr std::uint64_t most = std::uint64_t{1} << 31;
    if (conversion.frame_bytes > most || conversion.picture_bytes > most)
        return Error(ErrorKind::limit, "the frame is too large to be converted on the GPU")
            .wanted(std::max(conversion.frame_bytes, conversion.picture_bytes))
            .held(most);

    set_colors(layout, parameters);
    parameters.width = layout.width;
    parameters.height = layout.height;
    parameters.luma_offset = static_cast<std::uint32_t>(luma.offset);
    parameters.luma_stride = luma.stride;
    parameters.chroma_offset = static_cast<std::uint32_t>(chroma.offset);
    parameters.chroma_stride = chroma.stride;
    parameters.last_word = static_cast<std::uint32_t>((conversion.frame_bytes - 1) / 4);
    parameters.picture_stride = static_cast<std::uint32_t>(pitch / 4);
    conversion.in_words =
        luma.offset % 4 == 0 && luma.stride % 4 == 0 && chroma.offset % 4 == 0 && chroma.stride % 4 == 0;
    return conversion;
}

} // namespace hwalloc::tools
