// Frames to a monitor: what `hwalloc capture --to display` does with them.
#pragma once

#include "tools/capture/consumer.h"

namespace hwalloc::tools {

// Becomes the master of a card at once, and opens a GPU: the card's own where it has one that does.
Result<std::unique_ptr<FrameConsumer>> open_display(const ConsumerRequest& request);

} // namespace hwalloc::tools
