// What the library has, and what it lacks and why: for lists, diagnostics and user interfaces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/export.h"

namespace hwalloc {

// One name that can be asked for.
struct InventoryItem {
    std::string name;    // "dma-heap/system", or a family of which there is no instance
    std::string family;  // "dma-heap"
    std::string backend; // the backend or module that offers it; "application" for register_allocator
    std::vector<std::string> aliases;
    Allocator* allocator = nullptr; // null: not registered, `why` tells
    // Why it cannot be used now; empty when it can (after a quick scan: when nothing is known against it).
    std::optional<Error> why;
    bool is_default = false;
};

// How hard inventory() looks.
enum class InventoryScan : std::uint8_t {
    // Loads modules and the library's companions (libhwalloc-vulkan), scans for devices, and asks each
    // allocator whether it is available, which opens nodes but allocates nothing. May block.
    full,
    // Loads nothing and opens no device: what is registered already, or was found by listing when the library
    // was first used. A companion that is not loaded is one item, named like its family.
    quick,
};

// Every registered allocator and every one that could not be, in a stable order: built-in backends first,
// then companions and modules, then the application's. Error: exhausted.
HWALLOC_API Result<std::vector<InventoryItem>> inventory(InventoryScan scan = InventoryScan::full) noexcept;

// The version of the library, "0.1.0".
HWALLOC_API std::string_view version() noexcept;

} // namespace hwalloc
