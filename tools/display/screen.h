// A monitor taken over for a while: a mode is set, framebuffers are flipped at the monitor's pace, and at the
// end what was there before is put back. Framebuffers come in by number and stay their owners'.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tools/display/mode_setting.h"

namespace hwalloc::tools {

// Thread-safety: one thread at a time.
class Screen {
public:
    // Opens a card, as open_card() does, and becomes its master; nothing is changed yet.
    static Result<std::unique_ptr<Screen>> open(const std::string& card, bool legacy = false);
    // Chooses output and mode for a picture, as choose_route() does; before the functions below. Nothing is
    // changed yet.
    Result<void> fit(std::uint32_t width, std::uint32_t height);
    // Puts back what was there. Framebuffers must be removed between restore() and this, or go with the
    // card's last descriptor: removing one that is on the screen switches the output off.
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    // Lent; the open file that framebuffers must be of.
    int fd() const { return card_.fd.get(); }
    const std::string& path() const { return card_.path; }
    const std::string& driver() const { return card_.driver; }
    bool atomic() const { return card_.atomic; }
    // Cards that were looked at before this one, and could not be opened.
    const std::vector<Error>& passed_over() const { return card_.passed_over; }

    // After fit().
    const std::string& connector() const { return route_.connector_name; }
    std::string mode() const { return mode_name(route_.mode); }
    // Of the mode, in pixels: what a framebuffer must have.
    std::uint32_t width() const { return route_.mode.hdisplay; }
    std::uint32_t height() const { return route_.mode.vdisplay; }

    // Whether show() can show a framebuffer like this one first, asked of the driver without changing
    // anything. Where there is only legacy mode setting nobody can be asked: then there is no error. Errors:
    // what the kernel answers.
    Result<void> accepts(std::uint32_t framebuffer) const;
    // Shows a framebuffer, format XR24: the first one sets the mode and is there when this returns; the next
    // are asked for, and wait() tells when they are there. Precondition: no flip is pending. Errors: what the
    // kernel answers.
    Result<void> show(std::uint32_t framebuffer);
    bool pending() const { return pending_; }
    // Returns when no flip is pending; signals do not end it. Error: device lost, when the card does not tell
    // for two seconds.
    Result<void> wait();
    // Waits, and puts back what was there before the first show(). May be called twice.
    Result<void> restore();

    // Framebuffers that came onto the screen, the first included.
    std::uint64_t flips() const { return flips_; }
    // Of these: later than the refresh after they were asked for.
    std::uint64_t missed() const { return missed_; }

private:
    explicit Screen(Card card) : card_(std::move(card)) {}
    // From what is there now.
    Result<std::unique_ptr<ModeSetting>> mode_setting() const;
    static void on_flip(int fd, unsigned sequence, unsigned seconds, unsigned microseconds, unsigned crtc,
                        void* screen);

    Card card_;
    Route route_;
    std::unique_ptr<ModeSetting> mode_setting_;
    bool set_ = false, pending_ = false;
    std::int64_t asked_us_ = 0;
    std::uint64_t flips_ = 0, missed_ = 0;
};

} // namespace hwalloc::tools
