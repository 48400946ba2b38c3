#include "backends/v4l2/picture.h"

namespace hwalloc::v4l2::detail {

Result<FormatFields> check_picture(const Session& session, const v4l2_format& format, const Picture& picture,
                                   ErrorKind refusal, const char* call_name, std::string_view doing) {
    auto answered = check_answer(session, format, call_name, doing);
    if (answered &&
        (drm_of(*answered) != picture.fourcc || answered->several_memories() != picture.memory_per_plane ||
         answered->width != picture.width || answered->height != picture.height))
        return session
            .error(refusal,
                   FixedText(doing, ": the driver has ",
                             in_words(answered->pixel_format, answered->width, answered->height), " instead"))
            .call(call_name)
            .remedy("`v4l2-ctl -d NODE --list-formats-ext` (for an output --list-formats-out-ext) shows what "
                    "it offers");
    if (answered && layout_of(*answered)->fourcc != picture.fourcc)
        return session
            .error(refusal, FixedText(doing, ": the driver's image of this odd size has ", answered->size(),
                                      " bytes, too few for whole chroma samples"))
            .call(call_name)
            .remedy("choose an even width and height");
    return answered;
}

Picture picture_of(const ImageLayout& layout) noexcept {
    return {layout.fourcc, layout.width, layout.height, layout.planes[0].stride, layout.memory_count > 1};
}

std::uint32_t pixel_format_of(const Picture& picture) noexcept {
    const PixelFormat* format = pixel_format_by_drm(picture.fourcc);
    return !format ? 0 : picture.memory_per_plane ? format->v4l2_memory_per_plane : format->v4l2.code;
}

FormatRequest request_of(const Picture& picture, const v4l2_format& current) noexcept {
    return {.pixel_format = pixel_format_of(picture),
            .width = picture.width,
            .height = picture.height,
            .stride = picture.stride,
            .field = field_of(fields_of(current).field)};
}

Result<FormatFields> try_format(const Session& session, const Picture& picture, ErrorKind refusal) {
    const FixedText doing("asking for ", in_words(picture.fourcc, picture.width, picture.height));
    if (picture.width == 0 || picture.height == 0)
        return session.error(ErrorKind::invalid, FixedText(doing, ": an image has at least one pixel"));
    if (pixel_format_of(picture) == 0) {
        const PixelFormat* known = pixel_format_by_drm(picture.fourcc);
        const char* why = !known                     ? "nothing is known of this format"
                          : picture.memory_per_plane ? "V4L2 has it with all planes in one memory only"
                                                     : known->v4l2.why_none;
        return session.error(refusal, FixedText(doing, ": ", why));
    }
    auto format = get_format(session);
    if (!format)
        return format.error();
    apply(request_of(picture, *format), *format);
    if (const int answer = session.ioctl(VIDIOC_TRY_FMT, &*format); answer < 0)
        return session.refused(answer, "VIDIOC_TRY_FMT", doing);
    return check_picture(session, *format, picture, refusal, "VIDIOC_TRY_FMT", doing);
}

} // namespace hwalloc::v4l2::detail
