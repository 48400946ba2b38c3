// Asking a Vulkan driver what it is and has.
#pragma once

#include "hwalloc/allocator.h"
#include "hwalloc/result.h"
#include "tools/module/gpu_facts.h"

namespace hwalloc::tools {

// Of the device that an allocator of the Vulkan library makes its memory on. Opens it if it is not open.
// Errors: invalid (not such an allocator), and those of the device.
Result<GpuFacts> describe_gpu(Allocator& allocator);

} // namespace hwalloc::tools
