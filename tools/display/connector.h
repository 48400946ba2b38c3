// Which of a card's connectors a picture can go to.
#pragma once

#include <xf86drmMode.h>

namespace hwalloc::tools {

// Whether something is connected that has modes and shows plain pictures to whoever looks at it: a
// head-mounted display does not (property "non-desktop"). Null: no.
bool shows_pictures(int fd, const drmModeConnector* connector);

} // namespace hwalloc::tools
