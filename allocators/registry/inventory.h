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

// Whether this process may use a device node that no allocator stands for, such as a GPU's
// /dev/dri/renderD128: opens it for a moment, for reading and writing. `path` is one of /dev. Not for a
// card's primary node (/dev/dri/card0): whoever opens that first becomes its master. Errors: invalid (null),
// unavailable (no such node, or nothing behind it), permission (with the node's owner and mode, who this
// process is, and what to do, as for allocators), and what the driver answers. May block as open(2).
// Thread-safe.
HWALLOC_API Result<void> check_node(const char* path) noexcept;

// The version of the library, "0.1.0".
HWALLOC_API std::string_view version() noexcept;

} // namespace hwalloc
