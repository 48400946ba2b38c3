// What the command takes from the system while it streams: counted, not assumed.
#pragma once

#include <cstdint>
#include <optional>

namespace hwalloc::tools {

struct Counts {
    // Calls of operator new by this thread, the library's and the driver's on it included. None where
    // a sanitizer has operator new.
    std::optional<std::uint64_t> allocations;
    // Mappings that the process has; none where the system does not tell. What is mapped and unmapped between
    // two counts is not seen.
    std::optional<std::uint64_t> mappings;
};

// Allocates nothing.
Counts count_now() noexcept;

} // namespace hwalloc::tools
