// Inputs and analog standards of a device.
#include <cerrno>

#include "backends/v4l2/driver_text.h"
#include "backends/v4l2/signal.h"
#include "backends/v4l2/with_session.h"
#include "common/without_exceptions.h"

namespace hwalloc::v4l2 {
namespace {

// More than any device has, for drivers that do not look at the index.
constexpr std::uint32_t most_inputs = 256, most_standards = 256;

Input input_of(const v4l2_input& input) {
    return {input.index, detail::driver_text(input.name), input.std,
            (input.capabilities & V4L2_IN_CAP_STD) != 0, (input.capabilities & V4L2_IN_CAP_DV_TIMINGS) != 0};
}

} // namespace

Result<void> detail::set_source(Camera& camera, std::string_view doing, const char* call_name,
                                unsigned long request, void* argument) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<void> {
        if (!session.slots.empty())
            return session.error(ErrorKind::invalid, FixedText(doing, ": memory is bound"))
                .remedy("unbind() it first: the source changes the format");
        const std::lock_guard guard(session.node->queue_mutex);
        (void)session.release_queue(); // a reservation without memory would hold the driver to its source
        session.forget_format();
        const int answer = session.ioctl(request, argument);
        if (answer == -EINVAL)
            return session.refused(ErrorKind::invalid, answer, call_name, doing)
                .remedy(
                    "the device does not have that: list_inputs(), list_standards() and list_timings() tell "
                    "what it has");
        if (answer < 0)
            return session.refused(answer, call_name, doing);
        return {};
    });
}

FixedText detail::in_words(const Input& input) noexcept {
    return FixedText("input ", input.index, " (", input.name, ")");
}

Result<Input> detail::current_input(const Session& session, std::uint32_t* status) {
    constexpr const char* doing = "asking for the selected input";
    int index = 0;
    if (const int answer = session.ioctl(VIDIOC_G_INPUT, &index); answer < 0)
        return session.refused(answer, "VIDIOC_G_INPUT", doing);
    v4l2_input input{};
    input.index = static_cast<std::uint32_t>(index);
    if (const int answer = session.ioctl(VIDIOC_ENUMINPUT, &input); answer < 0)
        return session.refused(answer, "VIDIOC_ENUMINPUT", doing);
    if (status)
        *status = input.status;
    return input_of(input);
}

Result<std::vector<Input>> list_inputs(Camera& camera) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<std::vector<Input>> {
        std::vector<Input> inputs;
        for (std::uint32_t index = 0; index < most_inputs; ++index) {
            v4l2_input input{};
            input.index = index;
            const int answer = session.ioctl(VIDIOC_ENUMINPUT, &input);
            if (answer == -EINVAL || answer == -ENOTTY || input.index != index) // over, or there are none
                break;
            if (answer < 0)
                return session.refused(answer, "VIDIOC_ENUMINPUT", "listing the inputs");
            inputs.push_back(input_of(input));
        }
        return inputs;
    });
}

Result<Input> current_input(Camera& camera) noexcept {
    return detail::with_session(
        camera, [&](Session& session) -> Result<Input> { return detail::current_input(session); });
}

Result<void> set_input(Camera& camera, std::uint32_t index) noexcept {
    int wanted = static_cast<int>(index);
    return detail::set_source(camera, FixedText("selecting input ", index), "VIDIOC_S_INPUT", VIDIOC_S_INPUT,
                              &wanted);
}

Result<std::vector<VideoStandard>> list_standards(Camera& camera) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<std::vector<VideoStandard>> {
        std::vector<VideoStandard> standards;
        for (std::uint32_t index = 0; index < most_standards; ++index) {
            v4l2_standard standard{};
            standard.index = index;
            const int answer = session.ioctl(VIDIOC_ENUMSTD, &standard);
            if (answer == -EINVAL || (answer >= 0 && standard.index != index)) // the end of the list
                break;
            if (answer < 0)
                return session.refused(answer, "VIDIOC_ENUMSTD", "listing the video standards");
            standards.push_back({standard.id,
                                 detail::driver_text(standard.name),
                                 standard.framelines,
                                 {standard.frameperiod.denominator, standard.frameperiod.numerator}});
        }
        return standards;
    });
}

Result<std::uint64_t> current_standard(Camera& camera) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<std::uint64_t> {
        v4l2_std_id bits = 0;
        if (const int answer = session.ioctl(VIDIOC_G_STD, &bits); answer < 0)
            return session.refused(answer, "VIDIOC_G_STD", "asking for the video standard");
        return std::uint64_t{bits};
    });
}

Result<std::uint64_t> detect_standard(Camera& camera) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<std::uint64_t> {
        v4l2_std_id bits = 0;
        int answer = session.ioctl(VIDIOC_QUERYSTD, &bits);
        if (answer >= 0 && bits != V4L2_STD_UNKNOWN)
            return std::uint64_t{bits};
        if (answer >= 0) // V4L2_STD_UNKNOWN: no signal
            answer = -ENOLINK;
        if (!detail::tells_of_signal(answer))
            return session.refused(answer, "VIDIOC_QUERYSTD", "detecting the video standard");
        const auto input = detail::current_input(session);
        return detail::signal_error(session, answer, "VIDIOC_QUERYSTD",
                                    input ? detail::in_words(*input) : FixedText("the input"));
    });
}

Result<void> set_standard(Camera& camera, std::uint64_t bits) noexcept {
    v4l2_std_id wanted = bits;
    return detail::set_source(camera, "setting the video standard", "VIDIOC_S_STD", VIDIOC_S_STD, &wanted);
}

} // namespace hwalloc::v4l2
