// What is said of memory that a capture was told to take, and that does not do.
#pragma once

#include <string>

#include "tools/capture/consumer.h"
#include "tools/capture/source.h"

namespace hwalloc::tools {

bool claims_dma_buf(Allocator& allocator);

// The command that finds what does for all who use the frames; empty for the test source, which is no device.
std::string plan_command(FrameSource& source, FrameConsumer* consumer, bool read_by_cpu,
                         const v4l2::CaptureFormat& format);
// Memory of an allocator that was named, which somebody does not take. The library's own command, which knows
// of one device only, gives way to `command`.
Error refused_for_all(const Error& error, const std::string& command);
// Memory of allocator `name` without a dma-buf, with those that make some.
Error cannot_be_shared(const std::string& name, const v4l2::DeviceInfo& device);

} // namespace hwalloc::tools
