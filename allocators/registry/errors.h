// The refusals that several parts of the registry give.
#pragma once

#include <string_view>

#include "hwalloc/result.h"

namespace hwalloc::registry_errors {

inline constexpr const char* registry_shortage = "no memory for the registry of allocators";

inline Error no_memory() noexcept {
    return {ErrorKind::exhausted, registry_shortage};
}
inline Error no_allocator() noexcept {
    return {ErrorKind::invalid, "there is no allocator to register"};
}
inline Error name_taken() noexcept {
    return {ErrorKind::conflict, "the name is taken, or the application took it out"};
}
inline Error name_unknown() noexcept {
    return {ErrorKind::unavailable, "no allocator is registered under this name"};
}

// Names are given to people and to C, so a zero byte in one would hide what follows it.
inline Result<void> check_name(std::string_view name) noexcept {
    if (name.empty())
        return Error(ErrorKind::invalid, "an allocator's name must not be empty");
    if (name.find('\0') != name.npos)
        return Error(ErrorKind::invalid, "an allocator's name must not contain a zero byte");
    return {};
}

} // namespace hwalloc::registry_errors
