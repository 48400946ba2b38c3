// What a VkResult means to a caller.
#pragma once

#include <vulkan/vulkan_core.h>

#include "hwalloc/result.h"

namespace hwalloc::vulkan::detail {

// The kind that follows from a result without more context.
ErrorKind kind_of(VkResult result) noexcept;

// A refusal by the driver: `doing` (text that lives for ever) says what the library was doing, `call` which
// function refused.
Error refused(VkResult result, const char* doing, const char* call) noexcept;

} // namespace hwalloc::vulkan::detail
