// Lists of words, and names by their parts.
#pragma once

#include <algorithm>
#include <string_view>

namespace hwalloc {

// "dma-heap" of "dma-heap/system".
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

} // namespace hwalloc
