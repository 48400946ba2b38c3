#include "tools/display/screen.h"

#include <poll.h>

#include <cerrno>
#include <ctime>

#include "tools/display/drm_ptr.h"

namespace hwalloc::tools {
namespace {

constexpr std::int64_t second_us = 1'000'000;

// The clock of the kernel's flip events.
std::int64_t now_us() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * second_us + now.tv_nsec / 1000;
}

} // namespace

Result<std::unique_ptr<Screen>> Screen::open(const std::string& card, bool legacy) {
    auto opened = open_card(card, legacy);
    if (!opened)
        return std::move(opened).error();
    return std::unique_ptr<Screen>(new Screen(std::move(*opened)));
}

Result<void> Screen::fit(std::uint32_t width, std::uint32_t height) {
    auto route = choose_route(card_, width, height);
    if (!route)
        return std::move(route).error();
    route_ = std::move(*route);
    return {};
}

Screen::~Screen() {
    (void)restore();
}

Result<std::unique_ptr<ModeSetting>> Screen::mode_setting() const {
    return card_.atomic ? atomic_mode_setting(card_, route_) : legacy_mode_setting(card_, route_);
}

Result<void> Screen::accepts(std::uint32_t framebuffer) const {
    auto made = mode_setting();
    if (!made)
        return std::move(made).error();
    return (*made)->test(framebuffer);
}

Result<void> Screen::show(std::uint32_t framebuffer) {
    if (set_) {
        asked_us_ = now_us();
        auto asked = mode_setting_->flip(framebuffer, this);
        pending_ = asked.has_value();
        return asked;
    }
    // As late as possible, so that what is there now is what is restored in the end.
    auto made = mode_setting();
    if (!made)
        return std::move(made).error();
    mode_setting_ = std::move(*made);
    auto done = mode_setting_->set(framebuffer);
    set_ = done.has_value();
    flips_ += set_;
    return done;
}

void Screen::on_flip(int, unsigned, unsigned seconds, unsigned microseconds, unsigned, void* screen) {
    Screen& self = *static_cast<Screen*>(screen);
    self.pending_ = false;
    ++self.flips_;
    const std::int64_t took = std::int64_t{seconds} * second_us + microseconds - self.asked_us_;
    // One refresh at most, and half of one for the way there.
    const double rate = refresh_rate(self.route_.mode);
    if (rate > 0 && static_cast<double>(took) > 1.5 * static_cast<double>(second_us) / rate)
        ++self.missed_;
}

Result<void> Screen::wait() {
    drmEventContext events{};
    events.version = 3;
    events.page_flip_handler2 = on_flip;
    const std::int64_t deadline = now_us() + 2 * second_us;
    while (pending_) {
        const std::int64_t left_ms = (deadline - now_us()) / 1000;
        pollfd readable{card_.fd.get(), POLLIN, 0};
        const int ready = left_ms > 0 ? ::poll(&readable, 1, static_cast<int>(left_ms)) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready > 0 && drmHandleEvent(card_.fd.get(), &events) == 0)
            continue;
        pending_ = false; // the event will not come any more
        return Error(ErrorKind::device_lost, "waiting for the display")
            .doing("waiting for the display: no flip came to its end for 2 s")
            .on(card_.path)
            .remedy("the kernel log may tell what the driver waits for");
    }
    return {};
}

Result<void> Screen::restore() {
    auto waited = wait();
    if (!set_)
        return waited;
    set_ = false;
    auto restored = mode_setting_->restore();
    mode_setting_.reset();
    return restored ? std::move(waited) : std::move(restored);
}

} // namespace hwalloc::tools
