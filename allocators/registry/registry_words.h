// What the parts of the registry have in common: its words, and errors.
#pragma once

#include <algorithm>
#include <string_view>

#include "hwalloc/capabilities.h"
#include "hwalloc/result.h"

namespace hwalloc::registry_words {

inline constexpr const char* shortage = "no memory for the registry of allocators";

inline Error no_memory() noexcept {
    return {ErrorKind::exhausted, shortage};
}
inline Error empty_name() noexcept {
    return {ErrorKind::invalid, "an allocator's name must not be empty"};
}
inline Error no_allocator() noexcept {
    return {ErrorKind::invalid, "there is no allocator to register"};
}

// The backends of records that are none's: a module's path, and what the application registered.
inline constexpr std::string_view refused_module = "module", application = "application";

inline KeepsDevice* keeper(Allocator* allocator) noexcept {
    return allocator->extension<KeepsDevice>();
}

inline std::string_view family_of(std::string_view name) noexcept {
    return name.substr(0, name.find('/'));
}

// Calls `each` for every word of `families`.
template<class F>
void for_each_family(std::string_view families, F&& each) {
    while (!families.empty()) {
        const auto family = families.substr(0, families.find(' '));
        families.remove_prefix(std::min(families.size(), family.size() + 1));
        if (!family.empty())
            each(family);
    }
}

} // namespace hwalloc::registry_words
