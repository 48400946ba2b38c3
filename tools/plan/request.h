// What is wrong with a plan's request itself: told before any memory is tried.
#pragma once

#include <string>

#include "tools/plan/participants.h"

namespace hwalloc::tools {

// Errors: invalid (a size that this format cannot have), unsupported (nobody knows the format, or somebody
// does not take the image at all, whatever memory it is in).
Result<void> check_request(const Participants& participants);

} // namespace hwalloc::tools
