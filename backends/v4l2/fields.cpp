// Formats between V4L2's structures, where two interfaces have the same fields in different places, and
// layouts.
#include "backends/v4l2/fields.h"

#include <cstring>

namespace hwalloc::v4l2 {
namespace {

// What has no matrix, and is of full range where a driver leaves that to the default.
bool is_rgb(const PixelFormat* format) noexcept {
    return format && (format->kind == PixelKind::rgb || format->kind == PixelKind::bayer);
}

// Whether pixels at the right or lower edge share a chroma number with pixels that are not there.
bool cuts_chroma(const PixelFormat& format, const detail::FormatFields& fields) noexcept {
    return fields.width % format.chroma_columns != 0 || fields.height % format.chroma_rows != 0;
}

// The rules for defaults: videodev2.h, V4L2_MAP_COLORSPACE_DEFAULT, V4L2_MAP_YCBCR_ENC_DEFAULT and
// V4L2_MAP_QUANTIZATION_DEFAULT; userspace-api/media/v4l/colorspaces-defs.rst.
void set_colors(ImageLayout& layout, detail::Colors colors, const PixelFormat* format) noexcept {
    if (format && format->kind == PixelKind::hsv) { // the encoding is v4l2_hsv_encoding then
        layout.matrix = colors.encoding == V4L2_HSV_ENC_256 ? ColorMatrix::hsv_256 : ColorMatrix::hsv_180;
        layout.range = ColorRange::full;
        return;
    }
    const bool rgb = is_rgb(format);
    if (colors.colorspace == V4L2_COLORSPACE_DEFAULT) {
        // A driver that does not say what it captures: by the size, as televisions do.
        const bool high_definition = layout.height > 576 || layout.width > 1024;
        colors.colorspace = high_definition ? V4L2_COLORSPACE_REC709 : V4L2_COLORSPACE_SMPTE170M;
    }
    if (colors.encoding == V4L2_YCBCR_ENC_DEFAULT)
        colors.encoding = V4L2_MAP_YCBCR_ENC_DEFAULT(colors.colorspace);
    if (colors.quantization == V4L2_QUANTIZATION_DEFAULT)
        colors.quantization = V4L2_MAP_QUANTIZATION_DEFAULT(rgb, colors.colorspace, colors.encoding);
    layout.range =
        colors.quantization == V4L2_QUANTIZATION_FULL_RANGE ? ColorRange::full : ColorRange::limited;
    if (rgb) {
        layout.matrix = ColorMatrix::rgb;
        return;
    }
    switch (colors.encoding) {
    case V4L2_YCBCR_ENC_709:
    case V4L2_YCBCR_ENC_XV709:
        layout.matrix = ColorMatrix::bt709;
        break;
    case V4L2_YCBCR_ENC_BT2020:
        layout.matrix = ColorMatrix::bt2020;
        break;
    case V4L2_YCBCR_ENC_BT2020_CONST_LUM:
        layout.matrix = ColorMatrix::bt2020_constant;
        break;
    case V4L2_YCBCR_ENC_SMPTE240M:
        layout.matrix = ColorMatrix::smpte240m;
        break;
    default:
        layout.matrix = ColorMatrix::bt601;
    }
}

} // namespace

std::uint32_t pixel_format_of_drm(std::uint32_t drm) noexcept {
    const PixelFormat* format = pixel_format_by_drm(drm);
    return format ? format->v4l2.code : 0;
}

std::uint32_t drm_of_pixel_format(std::uint32_t pixel_format) noexcept {
    const PixelFormat* format = pixel_format_by_v4l2(pixel_format);
    return format && format->v4l2_memory_per_plane != pixel_format ? format->drm.code : 0;
}

detail::FormatFields detail::fields_of(const v4l2_format& format) noexcept {
    if (V4L2_TYPE_IS_MULTIPLANAR(format.type)) {
        const v4l2_pix_format_mplane& pix = format.fmt.pix_mp;
        FormatFields fields{pix.pixelformat,
                            pix.width,
                            pix.height,
                            pix.field,
                            pix.num_planes,
                            {pix.colorspace, pix.ycbcr_enc, pix.quantization},
                            {}};
        for (std::size_t i = 0; i < fields.in.size() && i < fields.memories; ++i)
            fields.in[i] = {pix.plane_fmt[i].bytesperline, pix.plane_fmt[i].sizeimage};
        return fields;
    }
    const v4l2_pix_format& pix = format.fmt.pix;
    return {pix.pixelformat,
            pix.width,
            pix.height,
            pix.field,
            1,
            {pix.colorspace, pix.ycbcr_enc, pix.quantization},
            {{{pix.bytesperline, pix.sizeimage}}}};
}

void detail::apply(const FormatRequest& request, v4l2_format& format) noexcept {
    const auto set_fields = [&](auto& pix) {
        if (request.pixel_format)
            pix.pixelformat = request.pixel_format;
        if (request.width)
            pix.width = request.width;
        if (request.height)
            pix.height = request.height;
        pix.field = static_cast<std::uint32_t>(request.field);
        pix.colorspace = V4L2_COLORSPACE_DEFAULT;
        pix.ycbcr_enc = V4L2_YCBCR_ENC_DEFAULT;
        pix.quantization = V4L2_QUANTIZATION_DEFAULT;
        pix.xfer_func = V4L2_XFER_FUNC_DEFAULT;
        pix.flags = 0;
    };
    if (V4L2_TYPE_IS_MULTIPLANAR(format.type)) {
        v4l2_pix_format_mplane& pix = format.fmt.pix_mp;
        set_fields(pix);
        pix.num_planes = 0;
        std::memset(pix.plane_fmt, 0, sizeof pix.plane_fmt);
        pix.plane_fmt[0].bytesperline = request.stride;
    } else {
        v4l2_pix_format& pix = format.fmt.pix;
        set_fields(pix);
        pix.priv = V4L2_PIX_FMT_PRIV_MAGIC; // the colour fields are there
        pix.bytesperline = request.stride;
        pix.sizeimage = 0;
    }
}

namespace {

// The linear layout of a format, with the strides that the driver has for each memory. Errors: those of
// linear_layout().
Result<ImageLayout> linear_layout_of(const PixelFormat& format, const detail::FormatFields& fields) noexcept {
    auto linear = linear_layout(format, fields.width, fields.height, fields.stride());
    if (!linear || !fields.several_memories())
        return linear;
    const auto least = linear_layout(format, fields.width, fields.height);
    if (!least)
        return least.error();
    ImageLayout apart = with_memory_per_plane(*linear);
    for (std::uint32_t i = 1; i < apart.plane_count; ++i) {
        const std::uint32_t stride = fields.in[i].stride;
        if (stride == 0)
            continue;
        if (stride < least->planes[i].stride)
            return Error(ErrorKind::invalid, "the stride is smaller than a row of pixels");
        ImagePlane& plane = apart.planes[i];
        plane.size = plane.size / plane.stride * stride;
        plane.stride = stride;
        apart.memory_sizes[i] = plane.size;
    }
    return apart;
}

bool holds(const detail::FormatFields& fields, const ImageLayout& layout) noexcept {
    for (std::uint32_t i = 0; i < layout.memory_count; ++i)
        if (layout.memory_sizes[i] > fields.in[i].size)
            return false;
    return true;
}

} // namespace

std::uint32_t detail::drm_of(const FormatFields& fields) noexcept {
    const PixelFormat* format = pixel_format_by_v4l2(fields.pixel_format);
    if (!format)
        return 0;
    const bool apart = format->v4l2_memory_per_plane == fields.pixel_format;
    const std::uint32_t memories = apart ? format->plane_count : 1u;
    return memories == fields.memories ? format->drm.code : 0;
}

Result<ImageLayout> detail::layout_of(const FormatFields& fields) noexcept {
    const PixelFormat* format = pixel_format_by_v4l2(fields.pixel_format);
    ImageLayout layout{.width = fields.width,
                       .height = fields.height,
                       .plane_count = fields.memories,
                       .memory_count = fields.memories};
    for (std::uint32_t i = 0; i < fields.memories; ++i)
        layout.planes[i] = {i, 0, fields.in[i].stride, fields.in[i].size};
    if (drm_of(fields)) {
        auto linear = linear_layout_of(*format, fields);
        const bool fits = linear && holds(fields, *linear);
        // Where chroma is cut, drivers differ in how much of it there is: the bytes are taken as they are.
        if (!fits && !cuts_chroma(*format, fields))
            return linear ? Error(ErrorKind::incompatible,
                                  "the driver's image size is smaller than its rows together")
                          : std::move(linear).error();
        if (fits)
            layout = *linear;
    }
    for (std::uint32_t i = 0; i < fields.memories; ++i)
        layout.memory_sizes[i] = fields.in[i].size;
    set_colors(layout, fields.colors, format);
    return layout;
}

} // namespace hwalloc::v4l2
