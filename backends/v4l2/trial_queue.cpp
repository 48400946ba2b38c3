#include "backends/v4l2/trial_queue.h"

namespace hwalloc::v4l2::detail {
namespace {

bool is_same(const FormatFields& one, const FormatFields& other) noexcept {
    return one.pixel_format == other.pixel_format && one.width == other.width && one.height == other.height &&
           one.memories == other.memories && one.in == other.in;
}

// Twice when it fails: what is left over would be in the way of whoever uses the device next.
int twice_if_it_fails(auto&& undo) noexcept {
    const int answer = undo();
    return answer < 0 ? undo() : answer;
}

} // namespace

Result<FormatFields> TrialQueue::set_format(const Picture& picture) {
    selections_.emplace(session_);
    rate_ = session_.set_rate({});
    v4l2_format format = before_;
    apply(request_of(picture, before_), format);
    const FixedText doing("setting the format to ", in_words(picture.fourcc, picture.width, picture.height));
    if (const int answer = session_.ioctl(VIDIOC_S_FMT, &format); answer < 0)
        return session_.refused(answer, "VIDIOC_S_FMT", doing);
    changed_ = true;
    return check_picture(session_, format, picture, ErrorKind::incompatible, "VIDIOC_S_FMT", doing);
}

Result<void> TrialQueue::undo() noexcept {
    Result<void> undone;
    if (session_.reserved > 0)
        if (const int answer = twice_if_it_fails([&] { return free_buffers(); }); answer < 0)
            undone = session_.refused(answer, "VIDIOC_REQBUFS", "letting a buffer that was tried go");
    session_.is_own = false;
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

int TrialQueue::free_buffers() noexcept {
    std::uint32_t none = 0;
    session_.reserved = 0;
    return session_.request_buffers(none, session_.memory_type());
}

} // namespace hwalloc::v4l2::detail
