// The camera as control transfers see it: its descriptors, its controls, and the mode that a host agrees on
// with it.
#pragma once
#include <optional>
#include <string>

#include "bytes.h"
#include "settings.h"
#include "stream.h"
#include "usbip.h"

namespace webcam {

class Device {
public:
    Device(std::vector<Format> formats, std::string serial)
        : formats_(std::move(formats)), serial_(std::move(serial)) {}

    // What a control transfer is answered with, and nothing when it stalls. Starts and stops `stream`.
    std::optional<Bytes> control(const Submission& submission, Stream& stream);
    [[nodiscard]] int brightness() const { return brightness_; }

private:
    struct Mode {
        std::uint32_t format = 1, size = 1; // counted from one, as in the descriptors
        std::uint32_t interval = 0;         // 100 ns
    };

    [[nodiscard]] std::optional<Bytes> standard(const Submission& submission, Stream& stream) const;
    std::optional<Bytes> negotiation(const Submission& submission, Stream& stream);
    std::optional<Bytes> picture_control(const Submission& submission);
    [[nodiscard]] Mode possible(Mode wanted) const;
    [[nodiscard]] const Size& size_of(const Mode& mode) const {
        return formats_[mode.format - 1].sizes[mode.size - 1];
    }
    [[nodiscard]] Bytes told(const Mode& mode) const;

    std::vector<Format> formats_;
    std::string serial_;
    Mode probed_, committed_;
    int brightness_ = 0, sharpness_ = 50;
};

} // namespace webcam
