// The clock that frames are measured by.
#pragma once

#include <cstdint>
#include <ctime>

namespace hwalloc::tools {

inline constexpr std::int64_t second_ns = 1'000'000'000;

// CLOCK_MONOTONIC in nanoseconds.
inline std::int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * second_ns + now.tv_nsec;
}

} // namespace hwalloc::tools
