// What the kernel's device tree says of a device.
#pragma once

#include <sys/types.h>

#include <optional>

namespace hwalloc {

// Whether a device (by its node's number) sees what the CPU's caches hold: as the tree says it for the
// device, or for the first above it that the tree describes. Empty where no tree says anything about it.
std::optional<bool> dma_coherent_by_device_tree(dev_t device) noexcept;

} // namespace hwalloc
