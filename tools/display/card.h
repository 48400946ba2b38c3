// A card that shows something, and the right to set what it shows.
#pragma once

#include <string>
#include <vector>

#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc::tools {

struct Card {
    UniqueFd fd;
    std::string path;                 // "/dev/dri/card0"
    std::string driver;               // "virtio_gpu"
    bool atomic = false;              // atomic mode setting is switched on for this open file
    std::vector<Error> passed_over{}; // cards before it that could not be opened
};

// Opens "card0", a path, a driver's name, or "auto" (the first card with a connected output), and becomes its
// DRM master: the one program that may set modes. `legacy` leaves atomic mode setting off even where the
// driver has it. Errors: unavailable (no such card, nothing connected; with a cause for each card looked at),
// unsupported (a card without outputs), busy (another program is master), permission.
Result<Card> open_card(const std::string& which, bool legacy = false);

} // namespace hwalloc::tools
