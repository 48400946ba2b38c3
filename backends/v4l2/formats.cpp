// What a camera offers, and what it makes of a request.
#include <cerrno>
#include <cstring>

#include "backends/v4l2/session.h"

namespace hwalloc::v4l2 {
namespace {

struct FormatPair {
    std::uint32_t v4l2, drm;
};
// The same bytes under two names. The first of several V4L2 names is the one that is asked for.
constexpr FormatPair pairs[] = {
    {V4L2_PIX_FMT_YUYV, fourcc('Y', 'U', 'Y', 'V')},    {V4L2_PIX_FMT_YVYU, fourcc('Y', 'V', 'Y', 'U')},
    {V4L2_PIX_FMT_UYVY, fourcc('U', 'Y', 'V', 'Y')},    {V4L2_PIX_FMT_VYUY, fourcc('V', 'Y', 'U', 'Y')},
    {V4L2_PIX_FMT_NV12, fourcc('N', 'V', '1', '2')},    {V4L2_PIX_FMT_NV21, fourcc('N', 'V', '2', '1')},
    {V4L2_PIX_FMT_NV16, fourcc('N', 'V', '1', '6')},    {V4L2_PIX_FMT_NV61, fourcc('N', 'V', '6', '1')},
    {V4L2_PIX_FMT_NV24, fourcc('N', 'V', '2', '4')},    {V4L2_PIX_FMT_NV42, fourcc('N', 'V', '4', '2')},
    {V4L2_PIX_FMT_YUV420, fourcc('Y', 'U', '1', '2')},  {V4L2_PIX_FMT_YVU420, fourcc('Y', 'V', '1', '2')},
    {V4L2_PIX_FMT_YUV422P, fourcc('Y', 'U', '1', '6')}, {V4L2_PIX_FMT_GREY, fourcc('R', '8', ' ', ' ')},
    {V4L2_PIX_FMT_Y10, fourcc('R', '1', '0', ' ')},     {V4L2_PIX_FMT_Y12, fourcc('R', '1', '2', ' ')},
    {V4L2_PIX_FMT_Y16, fourcc('R', '1', '6', ' ')},     {V4L2_PIX_FMT_RGB565, fourcc('R', 'G', '1', '6')},
    {V4L2_PIX_FMT_RGB24, fourcc('B', 'G', '2', '4')},   {V4L2_PIX_FMT_BGR24, fourcc('R', 'G', '2', '4')},
    {V4L2_PIX_FMT_XBGR32, fourcc('X', 'R', '2', '4')},  {V4L2_PIX_FMT_ABGR32, fourcc('A', 'R', '2', '4')},
    {V4L2_PIX_FMT_RGBX32, fourcc('X', 'B', '2', '4')},  {V4L2_PIX_FMT_RGBA32, fourcc('A', 'B', '2', '4')},
    {V4L2_PIX_FMT_BGRX32, fourcc('R', 'X', '2', '4')},  {V4L2_PIX_FMT_BGRA32, fourcc('R', 'A', '2', '4')},
    {V4L2_PIX_FMT_XRGB32, fourcc('B', 'X', '2', '4')},  {V4L2_PIX_FMT_ARGB32, fourcc('B', 'A', '2', '4')},
    {V4L2_PIX_FMT_BGR32, fourcc('X', 'R', '2', '4')},   {V4L2_PIX_FMT_RGB32, fourcc('B', 'X', '2', '4')},
};

// What the driver said of colours, from either API.
struct Colors {
    std::uint32_t colorspace, encoding, quantization;
};

// The rules for defaults: videodev2.h, V4L2_MAP_COLORSPACE_DEFAULT, V4L2_MAP_YCBCR_ENC_DEFAULT and
// V4L2_MAP_QUANTIZATION_DEFAULT; userspace-api/media/v4l/colorspaces-defs.rst.
void set_colors(ImageLayout& layout, Colors said) noexcept {
    const bool rgb = layout.fourcc != 0 && !is_yuv(layout.fourcc);
    if (said.colorspace == V4L2_COLORSPACE_DEFAULT) {
        // A driver that does not say what it captures: by the size, as televisions do.
        const bool high_definition = layout.height > 576 || layout.width > 1024;
        said.colorspace = high_definition ? V4L2_COLORSPACE_REC709 : V4L2_COLORSPACE_SMPTE170M;
    }
    if (said.encoding == V4L2_YCBCR_ENC_DEFAULT)
        said.encoding = V4L2_MAP_YCBCR_ENC_DEFAULT(said.colorspace);
    if (said.quantization == V4L2_QUANTIZATION_DEFAULT)
        said.quantization = V4L2_MAP_QUANTIZATION_DEFAULT(rgb, said.colorspace, said.encoding);
    layout.range = said.quantization == V4L2_QUANTIZATION_FULL_RANGE ? ColorRange::full : ColorRange::limited;
    if (rgb) {
        layout.matrix = ColorMatrix::rgb;
        return;
    }
    switch (said.encoding) {
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

// One format's fields that the two APIs have in different places.
struct Answered {
    std::uint32_t pixel_format, width, height, field, stride, size, memories;
    Colors colors;
};

Answered read(const v4l2_format& format) noexcept {
    if (V4L2_TYPE_IS_MULTIPLANAR(format.type)) {
        const v4l2_pix_format_mplane& pix = format.fmt.pix_mp;
        return {pix.pixelformat,
                pix.width,
                pix.height,
                pix.field,
                pix.plane_fmt[0].bytesperline,
                pix.plane_fmt[0].sizeimage,
                pix.num_planes,
                {pix.colorspace, pix.ycbcr_enc, pix.quantization}};
    }
    const v4l2_pix_format& pix = format.fmt.pix;
    return {pix.pixelformat,  pix.width,     pix.height, pix.field,
            pix.bytesperline, pix.sizeimage, 1,          {pix.colorspace, pix.ycbcr_enc, pix.quantization}};
}

// The current format with the request laid over it. Colours are left as the driver has them by default.
void write(v4l2_format& format, const FormatRequest& request) noexcept {
    const auto lay_over = [&](auto& pix) {
        if (request.pixel_format)
            pix.pixelformat = request.pixel_format;
        if (request.width)
            pix.width = request.width;
        if (request.height)
            pix.height = request.height;
        pix.field = V4L2_FIELD_NONE;
        pix.colorspace = V4L2_COLORSPACE_DEFAULT;
        pix.ycbcr_enc = V4L2_YCBCR_ENC_DEFAULT;
        pix.quantization = V4L2_QUANTIZATION_DEFAULT;
        pix.xfer_func = V4L2_XFER_FUNC_DEFAULT;
        pix.flags = 0;
    };
    if (V4L2_TYPE_IS_MULTIPLANAR(format.type)) {
        v4l2_pix_format_mplane& pix = format.fmt.pix_mp;
        lay_over(pix);
        pix.num_planes = 0;
        std::memset(pix.plane_fmt, 0, sizeof pix.plane_fmt);
        pix.plane_fmt[0].bytesperline = request.stride;
    } else {
        v4l2_pix_format& pix = format.fmt.pix;
        lay_over(pix);
        pix.priv = V4L2_PIX_FMT_PRIV_MAGIC; // the colour fields are there
        pix.bytesperline = request.stride;
        pix.sizeimage = 0;
    }
}

Result<ImageLayout> layout_of(const Answered& answered) noexcept {
    const std::uint32_t drm = drm_of_pixel_format(answered.pixel_format);
    ImageLayout layout{
        .width = answered.width, .height = answered.height, .plane_count = 1, .memory_count = 1};
    if (drm) {
        auto linear = linear_layout(drm, answered.width, answered.height, answered.stride);
        if (!linear)
            return std::move(linear).error();
        if (linear->memory_sizes[0] > answered.size)
            return Error(ErrorKind::incompatible,
                         "the driver's image size is smaller than its rows together");
        layout = *linear;
    } else {
        layout.planes[0] = {0, 0, answered.stride, answered.size};
    }
    layout.memory_sizes[0] = answered.size;
    set_colors(layout, answered.colors);
    return layout;
}

std::vector<FrameSize> list_sizes(const auto& session, std::uint32_t pixel_format) {
    std::vector<FrameSize> sizes;
    v4l2_frmsizeenum size{};
    size.pixel_format = pixel_format;
    for (; session.call(VIDIOC_ENUM_FRAMESIZES, &size) >= 0; ++size.index) {
        if (size.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
            sizes.push_back(
                {size.discrete.width, size.discrete.width, 1, size.discrete.height, size.discrete.height, 1});
            continue;
        }
        const v4l2_frmsize_stepwise& range = size.stepwise;
        sizes.push_back({range.min_width, range.max_width, range.step_width, range.min_height,
                         range.max_height, range.step_height});
        break; // there is only one then
    }
    return sizes;
}

// Sets the rate, when one is wanted, and tells which one is in force. A driver without rates answers 0/0.
FrameRate set_rate(const auto& session, FrameRate wanted) noexcept {
    v4l2_streamparm parameters{};
    parameters.type = session.type;
    if (session.call(VIDIOC_G_PARM, &parameters) < 0 ||
        !(parameters.parm.capture.capability & V4L2_CAP_TIMEPERFRAME))
        return {};
    v4l2_fract& interval = parameters.parm.capture.timeperframe;
    if (wanted.frames && wanted.seconds) {
        const v4l2_fract before = interval;
        interval = {wanted.seconds, wanted.frames};
        if (session.call(VIDIOC_S_PARM, &parameters) < 0)
            interval = before;
    }
    return {interval.denominator, interval.numerator};
}

} // namespace

std::uint32_t pixel_format_of_drm(std::uint32_t drm) noexcept {
    for (const FormatPair& pair : pairs)
        if (pair.drm == drm)
            return pair.v4l2;
    return 0;
}

std::uint32_t drm_of_pixel_format(std::uint32_t pixel_format) noexcept {
    for (const FormatPair& pair : pairs)
        if (pair.v4l2 == pixel_format)
            return pair.drm;
    return 0;
}

Result<std::vector<FormatInfo>> Camera::list_formats() noexcept {
    return without_exceptions([&]() -> Result<std::vector<FormatInfo>> {
        if (!session_)
            return Error(ErrorKind::invalid, "the camera is closed");
        std::vector<FormatInfo> formats;
        v4l2_fmtdesc description{};
        description.type = session_->type;
        for (;; ++description.index) {
            const int answer = session_->call(VIDIOC_ENUM_FMT, &description);
            if (answer == -EINVAL) // the end of the list
                return formats;
            if (answer < 0)
                return session_->refused(answer, "VIDIOC_ENUM_FMT", "listing the pixel formats");
            const char* name = reinterpret_cast<const char*>(description.description);
            formats.push_back({description.pixelformat,
                               {name, strnlen(name, sizeof description.description)},
                               (description.flags & V4L2_FMT_FLAG_COMPRESSED) != 0,
                               (description.flags & V4L2_FMT_FLAG_EMULATED) != 0,
                               list_sizes(*session_, description.pixelformat)});
        }
    });
}

Result<CaptureFormat> detail::Session::propose(unsigned long call_number, const char* call_name,
                                               const FormatRequest& request) noexcept {
    v4l2_format asked{};
    asked.type = type;
    if (const int answer = call(VIDIOC_G_FMT, &asked); answer < 0)
        return refused(answer, "VIDIOC_G_FMT", "reading the format");
    write(asked, request);
    const Answered wanted = read(asked);
    const FixedText doing("setting the format to ", fourcc_name(wanted.pixel_format), " ", wanted.width, "x",
                          wanted.height);
    if (const int answer = call(call_number, &asked); answer < 0)
        return refused(answer, call_name, doing);
    const Answered answered = read(asked);
    if (answered.memories != 1)
        return wrong(ErrorKind::unsupported,
                     FixedText(doing.view(), ": the colour planes of ", fourcc_name(answered.pixel_format),
                               " lie in ", answered.memories, " separate memories, which is not supported"))
            .remedy("choose the format of the same name without M, such as NV12 for NM12");
    auto layout = layout_of(answered);
    if (!layout || answered.size == 0)
        return wrong(ErrorKind::incompatible,
                     FixedText(doing.view(), ": the driver answers with ", fourcc_name(answered.pixel_format),
                               " ", answered.width, "x", answered.height, ", stride ", answered.stride, ", ",
                               answered.size, " bytes, which does not fit together"))
            .call(call_name);
    return CaptureFormat{answered.pixel_format,
                         *layout,
                         {},
                         answered.field != V4L2_FIELD_NONE && answered.field != V4L2_FIELD_ANY};
}

Result<CaptureFormat> detail::Session::propose_pixels(unsigned long call_number, const char* call_name,
                                                      std::uint32_t drm, std::uint32_t width,
                                                      std::uint32_t height, std::uint32_t stride) noexcept {
    Error refusal = wrong(ErrorKind::unsupported,
                          FixedText("asking for ", fourcc_name(drm), ", which V4L2 has no name for"));
    for (const FormatPair& pair : pairs) {
        if (pair.drm != drm)
            continue;
        auto answer =
            propose(call_number, call_name,
                    {.pixel_format = pair.v4l2, .width = width, .height = height, .stride = stride});
        if (!answer)
            return answer;
        const ImageLayout& layout = answer->layout;
        if (layout.fourcc == drm && layout.width == width && layout.height == height)
            return answer;
        refusal =
            wrong(ErrorKind::unsupported,
                  FixedText("asking for ", fourcc_name(pair.v4l2), " ", width, "x", height, " and getting ",
                            fourcc_name(answer->pixel_format), " ", layout.width, "x", layout.height))
                .call(call_name)
                .remedy("`hwalloc capture --list-formats` shows what there is");
    }
    return refusal;
}

Result<CaptureFormat> Camera::negotiate(const FormatRequest& request) noexcept {
    return without_exceptions([&]() -> Result<CaptureFormat> {
        if (!session_)
            return Error(ErrorKind::invalid, "the camera is closed");
        Session& session = *session_;
        if (!session.slots.empty())
            return session.wrong(ErrorKind::invalid, "the format cannot change while memory is bound");
        const std::lock_guard guard(session.node->queue);
        (void)session.release_buffers(); // a reservation without memory would hold the driver to its format
        session.format.reset();
        session.asked_contiguous = false;
        auto format = session.propose(VIDIOC_S_FMT, "VIDIOC_S_FMT", request);
        if (!format)
            return format;
        format->rate = set_rate(session, request.rate);
        session.format = *format;
        return format;
    });
}

const CaptureFormat* Camera::format() const noexcept {
    return session_ && session_->format ? &*session_->format : nullptr;
}

} // namespace hwalloc::v4l2
