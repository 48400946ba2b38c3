#include "backends/v4l2/trial.h"

#include <algorithm>
#include <cerrno>

#include "backends/v4l2/selections.h"

namespace hwalloc::v4l2::detail {
namespace {

// What the driver made of a format, when it is the picture that was wanted.
Result<FormatFields> check_picture(const Session& session, const v4l2_format& format, const Picture& picture,
                                   ErrorKind refusal, const char* call_name, std::string_view doing) {
    auto answered = check_answer(session, format, call_name, doing);
    if (answered && (drm_of_pixel_format(answered->pixel_format) != picture.fourcc ||
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
            .error(refusal, FixedText(doing, ": the driver's image of this odd size has ", answered->size,
                                      " bytes, too few for whole chroma samples"))
            .call(call_name)
            .remedy("choose an even width and height");
    return answered;
}

// With the fields that the device has: whoever set them wants them.
FormatRequest request_of(const Picture& picture, const v4l2_format& current) noexcept {
    return {.pixel_format = pixel_format_of_drm(picture.fourcc),
            .width = picture.width,
            .height = picture.height,
            .stride = picture.stride,
            .field = field_of(fields_of(current).field)};
}

bool is_same(const FormatFields& one, const FormatFields& other) noexcept {
    return one.pixel_format == other.pixel_format && one.width == other.width && one.height == other.height &&
           one.stride == other.stride && one.size == other.size;
}

// A queue while one memory is tried on it: remembers how it was, and puts that back.
class Attempt {
public:
    Attempt(Session& session, const v4l2_format& format) noexcept
        : session_(session), before_(format), reserved_(session.reserved) {}

    // For whatever has a format of its own.
    Result<FormatFields> set_format(const Picture& picture) {
        selections_.emplace(session_);
        rate_ = session_.set_rate({});
        v4l2_format format = before_;
        apply(request_of(picture, before_), format);
        const FixedText doing("setting the format to ",
                              in_words(picture.fourcc, picture.width, picture.height));
        if (const int answer = session_.ioctl(VIDIOC_S_FMT, &format); answer < 0)
            return session_.refused(answer, "VIDIOC_S_FMT", doing);
        changed_ = true;
        return check_picture(session_, format, picture, ErrorKind::incompatible, "VIDIOC_S_FMT", doing);
    }

    Result<void> undo() noexcept {
        Result<void> undone;
        if (session_.reserved > 0)
            if (const int answer = twice_if_it_fails([&] { return free_buffers(); }); answer < 0)
                undone = session_.refused(answer, "VIDIOC_REQBUFS", "letting a buffer that was tried go");
        if (changed_) {
            v4l2_format format;
            const int answer = twice_if_it_fails([&] {
                format = before_;
                return session_.ioctl(VIDIOC_S_FMT, &format);
            });
            selections_->restore();
            // What a driver makes of its own format may differ from that.
            if (answer < 0 || !is_same(fields_of(format), fields_of(before_)))
                session_.forget_format();
            if (answer < 0)
                undone = session_.refused(answer, "VIDIOC_S_FMT", "putting the format back");
            else
                (void)session_.set_rate(rate_); // a format can bring a rate
        }
        std::uint32_t count = reserved_;
        if (count > 0 && session_.request_buffers(count) >= 0)
            session_.reserved = count;
        session_.holds_queue = session_.reserved > 0;
        return undone;
    }

private:
    // Twice when it fails: what is left over would be in the way of whoever uses the device next.
    static int twice_if_it_fails(auto&& undo) noexcept {
        const int answer = undo();
        return answer < 0 ? undo() : answer;
    }
    int free_buffers() noexcept {
        std::uint32_t none = 0;
        session_.reserved = 0;
        return session_.request_buffers(none);
    }

    Session& session_;
    const v4l2_format before_;
    const std::uint32_t reserved_;
    std::optional<Selections> selections_;
    FrameRate rate_{};
    bool changed_ = false;
};

bool has_layout(const FormatFields& fields, const ImageLayout& layout) noexcept {
    return drm_of_pixel_format(fields.pixel_format) == layout.fourcc && fields.width == layout.width &&
           fields.height == layout.height && fields.stride == layout.planes[0].stride;
}

} // namespace

Result<FormatFields> try_format(const Session& session, const Picture& picture, ErrorKind refusal) {
    const FixedText doing("asking for ", in_words(picture.fourcc, picture.width, picture.height));
    if (picture.width == 0 || picture.height == 0)
        return session.error(ErrorKind::invalid, FixedText(doing, ": an image has at least one pixel"));
    if (pixel_format_of_drm(picture.fourcc) == 0) {
        const PixelFormat* known = pixel_format_by_drm(picture.fourcc);
        return session.error(
            refusal,
            FixedText(doing, ": ", known ? known->v4l2.why_none : "nothing is known of this format"));
    }
    auto format = get_format(session);
    if (!format)
        return format.error();
    apply(request_of(picture, *format), *format);
    if (const int answer = session.ioctl(VIDIOC_TRY_FMT, &*format); answer < 0)
        return session.refused(answer, "VIDIOC_TRY_FMT", doing);
    return check_picture(session, *format, picture, refusal, "VIDIOC_TRY_FMT", doing);
}

Result<void> try_import(Session& session, const Memory& memory, const ImageLayout& layout) {
    constexpr const char* doing = "trying to import a buffer";
    const auto import = session.borrow_dma_buf(memory, doing);
    if (!import)
        return import.error();
    const std::lock_guard guard(session.node->queue_mutex);
    if (!session.slots.empty())
        return session.error(ErrorKind::busy, doing)
            .remedy("memory is bound to the camera: try before bind(), or after unbind()");
    const auto before = get_format(session);
    if (!before)
        return before.error();
    const Picture picture{layout.fourcc, layout.width, layout.height, layout.planes[0].stride};
    const bool pixels = layout.fourcc != 0;
    // What the device has already needs no asking, and no setting.
    const bool has_it = !pixels || has_layout(fields_of(*before), layout);
    const auto expected = has_it ? check_answer(session, *before, "VIDIOC_G_FMT", doing)
                                 : try_format(session, picture, ErrorKind::incompatible);
    if (!expected)
        return expected.error();
    const auto another_stride = [&](std::uint32_t stride) {
        return session.error(ErrorKind::incompatible, FixedText(doing, ": the driver wants rows of ", stride,
                                                                " bytes, not ", picture.stride));
    };
    if (pixels && !has_layout(*expected, layout))
        return another_stride(expected->stride);
    if (auto fits = session.check_fits(*import, expected->size, doing); !fits)
        return fits;

    if (session.mapped)
        return session.imports_nothing(0, "VIDIOC_REQBUFS", doing);
    // A reservation holds the driver to its format, and counts buffers that are not there yet.
    Attempt attempt(session, *before);
    auto outcome = without_exceptions([&]() -> Result<void> {
        if (const int answer = session.release_queue(); answer < 0)
            return session.refused(answer, "VIDIOC_REQBUFS", doing);
        std::uint64_t wanted = expected->size;
        if (!has_it) {
            const auto set = attempt.set_format(picture);
            if (!set)
                return set.error();
            if (!has_layout(*set, layout))
                return another_stride(set->stride);
            wanted = set->size;
        }
        if (auto reserved = session.reserve(1); !reserved)
            return std::move(reserved).error();
        if (const int answer = session.queue_dma_buf(0, import->fd, wanted); answer < 0)
            return session.import_error(answer, doing, wanted, import->size);
        return {};
    });
    auto undone = attempt.undo();
    return outcome && !undone ? std::move(undone) : std::move(outcome);
}

Result<void> try_copy(const Session& session, Memory& memory, const ImageLayout& layout) {
    constexpr const char* doing = "trying to copy an image";
    const Picture picture{layout.fourcc, layout.width, layout.height, layout.planes[0].stride};
    const auto expected =
        layout.fourcc == 0 ? current_format(session) : try_format(session, picture, ErrorKind::incompatible);
    if (!expected)
        return expected.error();
    if (layout.fourcc != 0 && !has_layout(*expected, layout))
        return session.error(ErrorKind::incompatible,
                             FixedText(doing, ": the driver wants rows of ", expected->stride, " bytes, not ",
                                       picture.stride));
    if (memory.size() < expected->size)
        return session
            .error(ErrorKind::incompatible, FixedText(doing, ": the memory is smaller than an image"))
            .wanted(expected->size)
            .held(memory.size());
    const auto mapping = memory.map(session.use == Use::capture ? MapFlags::write : MapFlags::read);
    return mapping ? Result<void>() : Error(mapping.error()).doing(doing);
}

} // namespace hwalloc::v4l2::detail
