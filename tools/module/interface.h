// What the module for GPUs and displays (hwalloc-devices.so) gives the command.
#pragma once

#include <cstdint>
#include <memory>

#include "hwalloc/allocator.h"
#include "tools/capture/consumer.h"
#include "tools/module/gpu_facts.h"

namespace hwalloc::tools {

// The module's one symbol, `hwalloc_devices`. The first two members never move.
struct DeviceModule {
    std::uint32_t size = sizeof(DeviceModule);
    const char* version; // of the build that it belongs to
    Result<std::unique_ptr<FrameConsumer>> (*open)(const ConsumerRequest& request);
    Result<GpuFacts> (*describe_gpu)(Allocator& allocator);
};

} // namespace hwalloc::tools
