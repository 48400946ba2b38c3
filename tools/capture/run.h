// A capture from beginning to end: source, consumer, format, buffers, the frames, and what is told of it.
#pragma once

#include <memory>

#include "tools/capture/options.h"
#include "tools/capture/source.h"
#include "tools/output.h"

namespace hwalloc::tools {

// Opens what uses the frames; see tools/module/load.h.
using OpenConsumer = Result<std::unique_ptr<FrameConsumer>> (*)(const ConsumerRequest& request);

// "auto" tries one camera after the other as far as its first whole frame, and says which it passed over and
// why; when none works it fails with all the reasons. The command's exit code.
int run_capture_command(const CaptureOptions& options, OpenConsumer open_consumer, Output& out,
                        const Cameras& cameras = {});

} // namespace hwalloc::tools
