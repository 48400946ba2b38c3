#include "stream.h"

#include <linux/usb/video.h>

#include <algorithm>

#include "picture.h"

namespace webcam {

void Stream::start(const Format& format, const Size& size, std::chrono::nanoseconds interval) {
    format_ = format, size_ = size, interval_ = interval;
    due_ = Clock::now();
    frames_ = 0;
    in_frame_ = in_payload_ = false;
    picture_.clear();
}

std::optional<Clock::time_point> Stream::due(const Settings& settings) const {
    if (!started())
        return std::nullopt;
    if (in_frame_)
        return Clock::time_point::min();
    const bool over = settings.stop_after != 0 && frames_ >= settings.stop_after;
    return over || settings.frames == Frames::none ? std::nullopt : std::optional(due_);
}

std::optional<Bytes> Stream::take(std::size_t room, const Settings& settings, int brightness,
                                  Clock::time_point now) {
    if (const auto when = due(settings); !when || now < *when)
        return std::nullopt;
    if (!in_frame_)
        begin_frame(settings, brightness);
    if (!in_payload_)
        begin_payload();
    const std::size_t count = std::min(room, payload_.size() - payload_at_);
    const auto from = payload_.begin() + static_cast<std::ptrdiff_t>(payload_at_);
    Bytes part(from, from + static_cast<std::ptrdiff_t>(count));
    payload_at_ += count;
    // It ends with a transfer that is not full, or when it is as long as it may be.
    in_payload_ = count == room && payload_at_ < payload_bytes;
    if (!in_payload_ && frame_at_ == frame_.size()) {
        in_frame_ = false;
        ++frames_;
        due_ = std::max(due_ + interval_, now); // what was late is not made up for
    }
    return part;
}

void Stream::begin_frame(const Settings& settings, int brightness) {
    if (picture_.empty() || brightness != brightness_ || settings.huffman_tables != huffman_tables_) {
        brightness_ = brightness, huffman_tables_ = settings.huffman_tables;
        picture_ =
            format_.name == "MJPG" ? jpeg(size_, brightness_, huffman_tables_) : yuyv(size_, brightness_);
    }
    frame_ = picture_;
    if (settings.frames == Frames::short_ || (settings.frames == Frames::some && frames_ % 2 == 0))
        frame_.resize(frame_.size() / 2);
    frame_at_ = 0;
    odd_ = !odd_;
    in_frame_ = true;
}

void Stream::begin_payload() {
    constexpr std::size_t header = 2;
    const std::size_t count = std::min<std::size_t>(payload_bytes - header, frame_.size() - frame_at_);
    const bool last = frame_at_ + count == frame_.size();
    payload_ = {header, static_cast<std::uint8_t>(UVC_STREAM_EOH | (last ? UVC_STREAM_EOF : 0) |
                                                  (odd_ ? UVC_STREAM_FID : 0))};
    const auto from = frame_.begin() + static_cast<std::ptrdiff_t>(frame_at_);
    payload_.insert(payload_.end(), from, from + static_cast<std::ptrdiff_t>(count));
    frame_at_ += count;
    payload_at_ = 0;
    in_payload_ = true;
}

} // namespace webcam
