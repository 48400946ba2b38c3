// What a driver tells between frames: the source has changed, or the stream is over.
#include <cerrno>

#include "backends/v4l2/signal.h"
#include "backends/v4l2/with_session.h"
#include "common/kernel.h"
#include "common/without_exceptions.h"

namespace hwalloc::v4l2 {
namespace {

// More than a driver keeps: one of each kind.
constexpr int most_events = 64;

// V4L2 keeps the events of each input apart.
std::uint32_t selected_input(const Session& session) noexcept {
    int index = 0;
    return session.ioctl(VIDIOC_G_INPUT, &index) >= 0 ? static_cast<std::uint32_t>(index) : 0;
}

bool subscribe(const Session& session, std::uint32_t type, std::uint32_t id) noexcept {
    v4l2_event_subscription wanted{};
    wanted.type = type;
    wanted.id = id;
    return session.ioctl(VIDIOC_SUBSCRIBE_EVENT, &wanted) >= 0;
}

} // namespace

void detail::Session::subscribe_events() noexcept {
    const std::uint32_t input = selected_input(*this);
    if (subscribed_input == input)
        return;
    if (subscribed_input) {
        v4l2_event_subscription old{};
        old.type = V4L2_EVENT_SOURCE_CHANGE;
        old.id = *subscribed_input;
        (void)ioctl(VIDIOC_UNSUBSCRIBE_EVENT, &old);
    }
    subscribed_input = input;
    const bool changes = subscribe(*this, V4L2_EVENT_SOURCE_CHANGE, input);
    const bool ends = subscribe(*this, V4L2_EVENT_EOS, 0);
    has_events = changes || ends;
}

bool detail::Session::take_events() noexcept {
    bool changed = false;
    for (int i = 0; i < most_events; ++i) {
        v4l2_event event{};
        if (kernel.ioctl(fd.get(), VIDIOC_DQEVENT, &event) < 0) // ENOENT: that was all
            break;
        changed |= event.type == V4L2_EVENT_SOURCE_CHANGE && event.id == subscribed_input.value_or(0);
        ended |= event.type == V4L2_EVENT_EOS;
    }
    return changed;
}

Error detail::Session::source_change() const noexcept {
    const auto signal = without_exceptions([&] { return check_signal(*this); });
    constexpr const char* remedy =
        "for what it is now stop(), unbind(), set the input's timings or standard, negotiate() and bind() "
        "again; dequeue() goes on with the frames that still come";
    if (!signal && signal.error().kind() == ErrorKind::unavailable)
        return signal.error();
    if (!signal)
        return Error(signal.error()).remedy(remedy);
    return error(ErrorKind::incompatible, "the source has changed, or was away for a moment")
        .call("VIDIOC_DQEVENT")
        .remedy(remedy);
}

Result<bool> source_changed(Camera& camera) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<bool> {
        if (!session.of_this_process())
            return session.refused(-ECHILD, "VIDIOC_DQEVENT", "asking whether the source has changed");
        session.subscribe_events();
        return session.take_events();
    });
}

} // namespace hwalloc::v4l2
