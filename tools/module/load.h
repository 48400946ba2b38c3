// The module for GPUs and displays, hwalloc-devices.so beside the command. It is loaded when it is asked for,
// so that the command itself needs no Vulkan.
#pragma once

#include <memory>

#include "hwalloc/allocator.h"
#include "tools/capture/consumer.h"
#include "tools/module/gpu_facts.h"

namespace hwalloc::tools {

// Loads the module, and opens the device. Errors: unavailable (no module, no Vulkan loader, no device),
// unsupported (a module of another build), and those of the device.
Result<std::unique_ptr<FrameConsumer>> open_consumer(const ConsumerRequest& request);
// Loads the module, and asks it. Errors: those of loading, and of describe_gpu().
Result<GpuFacts> gpu_facts(Allocator& allocator);

} // namespace hwalloc::tools
