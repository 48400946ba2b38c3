// What users call devices and allocators. Every option of every command takes every name that `hwalloc list`
// prints, with its family or without: a camera is v4l2/video0, video0, v4l2/vivid, vivid, /dev/video0 or one
// of udev's links.
#pragma once

#include <span>
#include <string>

#include "hwalloc/inventory.h"

namespace hwalloc::tools {

enum class DeviceKind {
    allocator,    // gives a registered name: "dma-heap/system"
    camera,       // gives a node: "/dev/video0"
    video_output, // likewise
    card,         // gives a node: "/dev/dri/card0"; a name that is not known is left to drm::Device::open()
    gpu,          // gives what vulkan::Device::open() takes: "0"; empty: the first that takes dma-bufs
};

// The device that `word` means. Loads the Vulkan library only for names that nothing else has. Errors:
// unavailable (nothing is called so: the remedy has what is called nearly so, or all there is), invalid (it
// means several).
Result<std::string> find_device(DeviceKind kind, const std::string& word);

// The same among `items`, which are all there is.
Result<std::string> find_device(DeviceKind kind, const std::string& word,
                                std::span<const InventoryItem> items);

} // namespace hwalloc::tools
