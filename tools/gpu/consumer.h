// Frames to pictures on the GPU: what `hwalloc capture --to gpu` does with them.
#pragma once

#include "tools/capture/consumer.h"

namespace hwalloc::tools {

Result<std::unique_ptr<FrameConsumer>> open_gpu(const ConsumerRequest& request);

} // namespace hwalloc::tools
