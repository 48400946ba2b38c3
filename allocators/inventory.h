// What the library has, and what it lacks and why: for lists, diagnostics and user interfaces.
#pragma once

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
    std::optional<Error> why;       // why it cannot be used now; empty when it can
    bool is_default = false;
};

// Every registered allocator and every one that could not be, in a stable order: built-in backends first,
// then modules, then the application's. Scans for devices and loads modules first; asks each allocator
// whether it is available, which opens nodes but allocates nothing. May block. Error: exhausted.
HWALLOC_API Result<std::vector<InventoryItem>> inventory() noexcept;

// The version of the library, "0.1.0".
HWALLOC_API std::string_view version() noexcept;

} // namespace hwalloc
