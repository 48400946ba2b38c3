// Which graphics cards there are, without opening any.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/directory.h"

namespace hwalloc::drm::detail {

inline constexpr const char* node_directory = "/dev/dri";

struct Card {
    std::string name;   // "card0", of the node
    std::string node;   // "/dev/dri/card0"
    std::string driver; // what /sys calls the driver; empty where that does not tell
    std::string path;   // where it is plugged in, as udev names it: "pci-0000:00:02.0"; may be empty
    bool has_screens = false;

    // Other names of the driver: DRM's own often lacks the "-drm" that the driver of the bus has ("vc4-drm").
    std::string_view short_driver() const noexcept;
};

// Whether a file in /dev/dri or /sys/class/drm is a card: "card0", but no "card0-HDMI-A-1" or "renderD128".
bool is_card(std::string_view entry) noexcept;

// Every card with a primary node, "card2" before "card10". When a directory cannot be listed, `refused` tells
// which, and the cards may not be all, or lack what they have. May throw std::bad_alloc.
std::vector<Card> list_cards(RefusedListing& refused);

// What the allocator of the card with this device number is called ("drm-dumb/card0"), by whichever node the
// card was opened; empty: there is no such node in /dev/dri. May throw std::bad_alloc.
std::string allocator_name_of(dev_t device);

} // namespace hwalloc::drm::detail
