// The way of a picture to a monitor: which connector, which CRTC feeds it, which plane the CRTC shows, and in
// which mode.
#pragma once

#include <xf86drmMode.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "tools/display/card.h"

namespace hwalloc::tools {

struct Route {
    std::uint32_t connector = 0;
    std::uint32_t crtc = 0;
    std::uint32_t plane = 0; // its primary one; 0 without atomic mode setting, where the CRTC stands for it
    std::string connector_name; // "HDMI-A-1"
    drmModeModeInfo mode{};
};

// The first connected output of the card. The mode is the monitor's preferred one where a picture of
// `width` x `height` fits into it, else the smallest that holds it. Errors: unavailable (nothing is
// connected, or no CRTC is free), incompatible (the picture fits no mode), unsupported (no plane shows XR24).
Result<Route> choose_route(const Card& card, std::uint32_t width, std::uint32_t height);

// Index of the mode that choose_route() takes; none when the picture fits none.
std::optional<std::size_t> choose_mode(std::span<const drmModeModeInfo> modes, std::uint32_t width,
                                       std::uint32_t height);

// Pictures a second that the monitor shows in this mode.
double refresh_rate(const drmModeModeInfo& mode);

// "1280x800@75"
std::string mode_name(const drmModeModeInfo& mode);

} // namespace hwalloc::tools
