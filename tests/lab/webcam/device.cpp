#include "device.h"

#include <linux/usb/ch9.h>
#include <linux/usb/video.h>

#include <algorithm>

#include "descriptors.h"

namespace webcam {
namespace {

constexpr std::uint32_t negotiation_bytes = 34; // UVC 1.1
constexpr std::uint32_t sharpness_control = 8;  // of a processing unit

// The parts of a setup packet.
std::uint32_t type(const Submission& from) {
    return from.setup[0] & USB_TYPE_MASK;
}
std::uint32_t request(const Submission& from) {
    return from.setup[1];
}
std::uint32_t value(const Submission& from) {
    return get_little(from.setup, 2, 2);
}
std::uint32_t index(const Submission& from) {
    return get_little(from.setup, 4, 2);
}

Bytes little(int bytes, std::uint32_t number) {
    Bytes one;
    put_little(one, bytes, {number});
    return one;
}

} // namespace

std::optional<Bytes> Device::control(const Submission& submission, Stream& stream) {
    std::optional<Bytes> answer;
    if (type(submission) == USB_TYPE_STANDARD)
        answer = standard(submission, stream);
    else if (type(submission) == USB_TYPE_CLASS && index(submission) == streaming_interface)
        answer = negotiation(submission, stream);
    else if (type(submission) == USB_TYPE_CLASS &&
             index(submission) == (processing_unit << 8 | control_interface))
        answer = picture_control(submission);
    else if (type(submission) == USB_TYPE_CLASS && index(submission) == control_interface &&
             request(submission) == UVC_GET_CUR &&
             value(submission) == UVC_VC_REQUEST_ERROR_CODE_CONTROL << 8)
        answer = Bytes{6}; // of a request that stalled: there is no such control
    if (answer && submission.in && answer->size() > submission.room)
        answer->resize(submission.room);
    return answer;
}

std::optional<Bytes> Device::standard(const Submission& submission, Stream& stream) const {
    switch (request(submission)) {
    case USB_REQ_GET_DESCRIPTOR:
        switch (value(submission) >> 8) {
        case USB_DT_DEVICE:
            return device_descriptor();
        case USB_DT_DEVICE_QUALIFIER:
            return qualifier_descriptor();
        case USB_DT_CONFIG:
            return configuration_descriptor(formats_);
        case USB_DT_STRING:
            if (Bytes text = string_descriptor(value(submission) & 0xff, serial_); !text.empty())
                return text;
            return std::nullopt;
        default:
            return std::nullopt;
        }
    case USB_REQ_CLEAR_FEATURE:
        // What a host does to the endpoint of a bulk camera that it wants no more frames of.
        if ((submission.setup[0] & USB_RECIP_MASK) == USB_RECIP_ENDPOINT)
            stream.stop();
        return Bytes{};
    case USB_REQ_GET_STATUS:
        return Bytes{0, 0};
    case USB_REQ_GET_CONFIGURATION:
        return Bytes{1};
    case USB_REQ_GET_INTERFACE:
        return Bytes{0};
    case USB_REQ_SET_CONFIGURATION:
    case USB_REQ_SET_INTERFACE:
    case USB_REQ_SET_FEATURE:
        return Bytes{};
    default:
        return std::nullopt;
    }
}

Device::Mode Device::possible(Mode wanted) const {
    const auto within = [](std::uint32_t number, std::size_t count) {
        return std::clamp(number, 1u, static_cast<std::uint32_t>(count));
    };
    Mode mode;
    mode.format = within(wanted.format, formats_.size());
    mode.size = within(wanted.size, formats_[mode.format - 1].sizes.size());
    const Size& size = size_of(mode);
    mode.interval = ticks / size.rates.front();
    for (const std::uint32_t rate : size.rates)
        if (wanted.interval == ticks / rate)
            mode.interval = wanted.interval;
    return mode;
}

Bytes Device::told(const Mode& mode) const {
    Bytes bytes;
    put_little(bytes, 2, {1}); // the interval is kept, whatever else cannot be
    put_little(bytes, 1, {mode.format, mode.size});
    put_little(bytes, 4, {mode.interval});
    put_little(bytes, 2, {0, 0, 0, 0, 0}); // what only some compressions have, and the delay
    put_little(bytes, 4, {frame_bytes(size_of(mode)), payload_bytes, 1'000'000});
    put_little(bytes, 1, {3, 0, 0, 0}); // frames are told apart, and their ends told
    return bytes;
}

std::optional<Bytes> Device::negotiation(const Submission& submission, Stream& stream) {
    const std::uint32_t selector = value(submission) >> 8;
    if (selector != UVC_VS_PROBE_CONTROL && selector != UVC_VS_COMMIT_CONTROL)
        return std::nullopt;
    Mode& mode = selector == UVC_VS_PROBE_CONTROL ? probed_ : committed_;
    switch (request(submission)) {
    case UVC_SET_CUR:
        if (submission.data.size() < 8)
            return std::nullopt;
        mode = possible({submission.data[2], submission.data[3], get_little(submission.data, 4, 4)});
        if (selector == UVC_VS_COMMIT_CONTROL)
            stream.start(formats_[mode.format - 1], size_of(mode),
                         std::chrono::nanoseconds(mode.interval * 100ull));
        return Bytes{};
    case UVC_GET_CUR:
        return told(possible(mode));
    case UVC_GET_MIN:
    case UVC_GET_MAX:
    case UVC_GET_DEF:
        // The shortest and the longest of what a mode leaves open: nothing.
        return told(possible(request(submission) == UVC_GET_DEF ? Mode{} : mode));
    case UVC_GET_LEN:
        return little(2, negotiation_bytes);
    case UVC_GET_INFO:
        return Bytes{3};
    default:
        return std::nullopt;
    }
}

std::optional<Bytes> Device::picture_control(const Submission& submission) {
    struct Control {
        std::uint32_t selector;
        int* current;
        int least, most, by_default;
    };
    // Sharpness shows in no picture of even blocks.
    const Control controls[] = {{UVC_PU_BRIGHTNESS_CONTROL, &brightness_, -64, 64, 0},
                                {sharpness_control, &sharpness_, 0, 100, 50}};
    const auto* const control =
        std::find_if(std::begin(controls), std::end(controls),
                     [&](const Control& one) { return one.selector == value(submission) >> 8; });
    if (control == std::end(controls))
        return std::nullopt;
    const auto level = [](int number) { return little(2, static_cast<std::uint32_t>(number)); };
    switch (request(submission)) {
    case UVC_SET_CUR:
        if (submission.data.size() < 2)
            return std::nullopt;
        *control->current = std::clamp<int>(static_cast<std::int16_t>(get_little(submission.data, 0, 2)),
                                            control->least, control->most);
        return Bytes{};
    case UVC_GET_CUR:
        return level(*control->current);
    case UVC_GET_MIN:
        return level(control->least);
    case UVC_GET_MAX:
        return level(control->most);
    case UVC_GET_RES:
        return level(1);
    case UVC_GET_DEF:
        return level(control->by_default);
    case UVC_GET_LEN:
        return little(2, 2);
    case UVC_GET_INFO:
        return Bytes{3};
    default:
        return std::nullopt;
    }
}

} // namespace webcam
