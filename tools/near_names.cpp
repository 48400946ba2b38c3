#include "tools/near_names.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

namespace hwalloc::tools {
namespace {

std::string lower(std::string_view text) {
    std::string small(text);
    std::transform(small.begin(), small.end(), small.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return small;
}

// How many letters must be put in, taken out or exchanged to make one of the other (Levenshtein's distance).
std::size_t distance(std::string_view one, std::string_view other) {
    std::vector<std::size_t> row(other.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < one.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < other.size(); ++j) {
            const std::size_t exchanged = diagonal + (one[i] == other[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({exchanged, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

std::string listed(std::span<const std::string> names, std::string_view before_last) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text.append(i == 0 ? "" : i + 1 == names.size() ? before_last : ", ").append(names[i]);
    return text;
}

} // namespace

std::vector<std::string> near_names(std::string_view word, std::span<const std::string> names) {
    constexpr std::size_t most = 3;
    const std::string wanted = lower(word);
    const std::size_t letters = wanted.size() < 4 ? 1 : std::max<std::size_t>(2, wanted.size() / 3);
    std::vector<std::pair<std::size_t, std::string>> found;
    for (const std::string& name : names) {
        const std::string there = lower(name);
        const std::size_t apart = distance(wanted, there);
        const bool contains = wanted.size() > 2 && there.find(wanted) != there.npos;
        if (!contains && apart > letters)
            continue;
        const auto behind =
            std::upper_bound(found.begin(), found.end(), apart,
                             [](std::size_t mine, const auto& other) { return mine < other.first; });
        found.emplace(behind, apart, name);
    }
    std::vector<std::string> nearest;
    for (const auto& [apart, name] : found)
        if (nearest.size() < most && std::find(nearest.begin(), nearest.end(), name) == nearest.end())
            nearest.push_back(name);
    return nearest;
}

std::string either_of(std::span<const std::string> names) {
    return listed(names, " or ");
}
std::string all_of(std::span<const std::string> names) {
    return listed(names, " and ");
}

} // namespace hwalloc::tools
