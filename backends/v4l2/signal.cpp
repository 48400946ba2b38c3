#include "backends/v4l2/signal.h"
#include "backends/v4l2/with_session.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "backends/v4l2/driver_text.h"
#include "common/without_exceptions.h"

namespace hwalloc::v4l2 {
namespace {

struct Meaning {
    int code;
    const char* words;
    const char* remedy;
};
constexpr Meaning meanings[] = {
    {ENOLINK, "there is no signal at ",
     "connect a source and switch it on, or select another input (`v4l2-ctl --list-inputs`)"},
    {ENOLCK, "the signal is not stable at ", "check the source and its cable, and the channel of a tuner"},
    {ERANGE, "the device cannot receive the signal at ",
     "let the source send a smaller size or a lower rate"},
};

// What the status of an input says; 0: nothing against a signal.
int missing_of(std::uint32_t status) noexcept {
    if (status & (V4L2_IN_ST_NO_SIGNAL | V4L2_IN_ST_NO_CARRIER))
        return -ENOLINK;
    constexpr std::uint32_t no_lock = V4L2_IN_ST_NO_H_LOCK | V4L2_IN_ST_NO_V_LOCK | V4L2_IN_ST_NO_SYNC;
    return status & no_lock ? -ENOLCK : 0;
}

// Clocks are measured, and the two of 60 and 59.94 pictures a second differ by a thousandth: not told apart.
bool is_same_mode(const DvTimings& one, const DvTimings& other) noexcept {
    const double a = one.pictures_a_second(), b = other.pictures_a_second();
    return one.width == other.width && one.height == other.height && one.interlaced == other.interlaced &&
           std::abs(a - b) <= 0.005 * std::max(a, b);
}

Result<void> check_timings(const Session& session, const Input& input) {
    const auto found = detail::query_timings(session);
    if (!found) {
        // Some devices cannot detect them, or not while they capture.
        const int code = found.error().code();
        return detail::tells_of_signal(-code) ? Result<void>(found.error()) : Result<void>();
    }
    const auto set = detail::get_timings(session);
    if (!set || is_same_mode(*found, *set))
        return {};
    return session
        .error(ErrorKind::incompatible,
               FixedText("the device is set to ", detail::in_words(*set), ", and the signal is ",
                         detail::in_words(*found), " at ", detail::in_words(input)))
        .call("VIDIOC_QUERY_DV_TIMINGS")
        .remedy("set the timings of the signal: set_timings(), or `v4l2-ctl --set-dv-bt-timings query`");
}

// The name of what the bits have in common with a standard of the input, for people.
std::string name_of(const Session& session, v4l2_std_id bits) {
    for (std::uint32_t index = 0; index < 64; ++index) {
        v4l2_standard standard{};
        standard.index = index;
        if (session.ioctl(VIDIOC_ENUMSTD, &standard) < 0)
            break;
        if (standard.id & bits)
            return std::string(detail::driver_text(standard.name));
    }
    return std::string(FixedText("standard ").append(bits, 16).view());
}

Result<void> check_standard(const Session& session, const Input& input) {
    v4l2_std_id found = 0, set = 0;
    // Some devices cannot detect it, or not while they capture.
    if (session.ioctl(VIDIOC_QUERYSTD, &found) < 0 || found == V4L2_STD_UNKNOWN ||
        session.ioctl(VIDIOC_G_STD, &set) < 0 || (found & set))
        return {};
    return session
        .error(ErrorKind::incompatible,
               FixedText("the device is set to ", name_of(session, set), ", and the signal is ",
                         name_of(session, found), " at ", detail::in_words(input)))
        .call("VIDIOC_QUERYSTD")
        .remedy("set the standard of the signal: set_standard(), or `v4l2-ctl --set-standard`");
}

} // namespace

bool detail::tells_of_signal(int answer) noexcept {
    return std::any_of(std::begin(meanings), std::end(meanings),
                       [&](const Meaning& meaning) { return meaning.code == -answer; });
}

Error detail::signal_error(const Session& session, int answer, const char* call_name,
                           std::string_view where) noexcept {
    for (const Meaning& meaning : meanings)
        if (meaning.code == -answer)
            return session.refused(ErrorKind::unavailable, answer, call_name, FixedText(meaning.words, where))
                .remedy(meaning.remedy);
    return session.refused(answer, call_name, FixedText("looking for a signal at ", where));
}

Result<void> detail::look_at_signal(const Session& session, Input* selected) {
    std::uint32_t status = 0;
    const auto input = current_input(session, &status);
    if (!input)
        return session.of_this_process() && input.error().kind() != ErrorKind::device_lost
                   ? Result<void>() // it knows of no inputs
                   : Result<void>(input.error());
    const FixedText where = in_words(*input);
    if (status & V4L2_IN_ST_NO_POWER)
        return session.error(ErrorKind::unavailable, FixedText("there is no power at ", where))
            .call("VIDIOC_ENUMINPUT")
            .remedy("switch the attached device on");
    if (input->has_timings)
        if (auto fits = check_timings(session, *input); !fits)
            return fits;
    if (const int missing = missing_of(status); missing < 0)
        return signal_error(session, missing, "VIDIOC_ENUMINPUT", where);
    if (selected)
        *selected = *input;
    return {};
}

Result<void> detail::check_signal(const Session& session) {
    Input input;
    if (auto fits = look_at_signal(session, &input); !fits)
        return fits;
    return input.has_standards ? check_standard(session, input) : Result<void>();
}

Result<void> check_signal(Camera& camera) noexcept {
    return detail::with_session(
        camera, [&](Session& session) -> Result<void> { return detail::check_signal(session); });
}

} // namespace hwalloc::v4l2
