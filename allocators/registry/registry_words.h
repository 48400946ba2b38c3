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

// Calls `each` for every word of `words`, which are separated by spaces.
template<class F>
void for_each_word(std::string_view words, F&& each) {
    while (!words.empty()) {
        const auto word = words.substr(0, words.find(' '));
        words.remove_prefix(std::min(words.size(), word.size() + 1));
        if (!word.empty())
            each(word);
    }
}

} // namespace hwalloc::registry_words
