// What a VkResult means to a caller.
#pragma once

#include <string_view>

#include <vulkan/vulkan_core.h>

#include "hwalloc/result.h"

namespace hwalloc::vulkan::detail {

// The kind that follows from a result without more context.
ErrorKind kind_of(VkResult result) noexcept;

// A refusal by the driver: `doing` (text that lives for ever) says what the library was doing, `call` which
// function refused. It has a remedy where this process can open no more files.
Error refused(VkResult result, const char* doing, const char* call) noexcept;

// What a child of fork() is told that asks for something of a device which its parent opened.
Error inherited(std::string_view device) noexcept;

} // namespace hwalloc::vulkan::detail
