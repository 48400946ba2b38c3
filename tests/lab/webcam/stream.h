// The frames of a camera that streams, cut into payloads as the host's bulk transfers ask for them.
#pragma once
#include <chrono>
#include <optional>

#include "bytes.h"
#include "settings.h"

namespace webcam {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t payload_bytes = 16384; // the most, header included

class Stream {
public:
    // From the next frame on.
    void start(const Format& format, const Size& size, std::chrono::nanoseconds interval);
    void stop() { interval_ = {}; }
    [[nodiscard]] bool started() const { return interval_ > std::chrono::nanoseconds(0); }

    // What a transfer of at most `room` bytes gets now; nothing while there is no frame for it yet.
    std::optional<Bytes> take(std::size_t room, const Settings& settings, int brightness,
                              Clock::time_point now);
    // When take() has something; nothing while nothing will change that but a call.
    [[nodiscard]] std::optional<Clock::time_point> due(const Settings& settings) const;

private:
    void begin_frame(const Settings& settings, int brightness);
    void begin_payload();

    Format format_;
    Size size_{};
    std::chrono::nanoseconds interval_{0};
    Clock::time_point due_;
    unsigned frames_ = 0;
    bool odd_ = false; // each frame is told from the one before
    Bytes picture_;    // of `brightness_` and `huffman_tables_`; empty: to be drawn
    int brightness_ = 0;
    bool huffman_tables_ = true;
    Bytes frame_, payload_;
    std::size_t frame_at_ = 0, payload_at_ = 0;
    bool in_frame_ = false, in_payload_ = false;
};

} // namespace webcam
