// Which pixel formats screens show: asked of their drivers, with memory of the cards themselves.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/plan/participants.h"

namespace hwalloc::tools {

// Whether every screen shows this format in this size.
bool screens_show(const Participants& participants, std::uint32_t format);

// The first format, of those that screens usually show, that every screen shows and every camera offers.
std::optional<std::uint32_t> format_for_screens(Participants& participants);

} // namespace hwalloc::tools
