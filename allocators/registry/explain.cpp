// Why a name cannot be had, and what may have been meant by it.
#include <algorithm>
#include <array>
#include <limits>

#include "allocators/registry/registry.h"
#include "allocators/registry/words.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {

namespace {

// How many letters have to be put in, left out, replaced or swapped with their neighbours to make one of the
// other; names of `most_letters` and more count as strangers, which no number of slips makes near.
constexpr std::size_t most_letters = 48, stranger = std::numeric_limits<std::size_t>::max();
std::size_t distance(std::string_view one, std::string_view other) noexcept {
    if (one.size() >= most_letters || other.size() >= most_letters)
        return stranger;
    std::array<std::array<std::size_t, most_letters>, 3> rows{}; // of the last letters of `one`
    for (std::size_t j = 0; j <= other.size(); ++j)
        rows[0][j] = j;
    for (std::size_t i = 1; i <= one.size(); ++i) {
        auto &row = rows[i % 3], &last = rows[(i + 2) % 3], &before = rows[(i + 1) % 3];
        row[0] = i;
        for (std::size_t j = 1; j <= other.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (one[i - 1] != other[j - 1])});
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return rows[one.size() % 3][other.size()];
}

// A name as it can be told in a line, whoever made it up: without control characters, and not without end.
std::string in_one_line(std::string_view name) {
    constexpr std::size_t most_told = 100;
    std::string line(name.substr(0, most_told));
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
    return name.size() > most_told ? line + "..." : line;
}

// Most who look for an allocator want memory from it.
bool allocates(Allocator* allocator) noexcept {
    auto* describes = allocator->extension<Describes>();
    return !describes || describes->claims().alloc;
}

} // namespace

// The names that differ by a slip of the keyboard, the nearest first; those that make no memory only when no
// other is near.
std::string Registry::names_like(std::string_view name) {
    struct Near {
        const Name* name;
        Allocator* allocator;
        std::size_t distance;
    };
    std::vector<Near> near;
    {
        const std::lock_guard guard(mutex_);
        const auto consider = [&](const Name& one) {
            Allocator* const allocator = one.bound();
            if (!allocator)
                return;
            const std::size_t apart = distance(name, one.text());
            if (apart > 1 + name.size() / 6)
                return;
            const auto behind =
                std::upper_bound(near.begin(), near.end(), apart,
                                 [](std::size_t mine, const Near& other) { return mine < other.distance; });
            near.insert(behind, {&one, allocator, apart});
        };
        for (const auto& record : records_) {
            consider(record->name);
            for (const Name* alias : record->aliases)
                consider(*alias);
        }
    }
    if (std::any_of(near.begin(), near.end(), [](const Near& one) { return allocates(one.allocator); }))
        std::erase_if(near, [](const Near& one) { return !allocates(one.allocator); });
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(near.size(), 3); ++i)
        names.append(names.empty() ? "\"" : ", \"").append(near[i].name->text()).append("\"");
    return names;
}

Error Registry::explain(std::string_view name, const MissingNames& missing) {
    const std::string_view family = family_of(name);
    // What this very scan said of the name, whatever another thread's has said meanwhile.
    for (const auto& [text, why] : missing)
        if (text == name)
            return why;
    const std::string like = names_like(name);
    std::string others;
    const std::lock_guard guard(mutex_);
    for (const auto& record : records_) {
        if (record->name.text() == name && record->why)
            return *record->why;
        if (record->family == family && !record->why && !record->withdrawn)
            others.append(others.empty() ? "" : ", ").append(record->name.text());
    }
    for (const auto& record : records_)
        if (record->why && (record->name.text() == family ||
                            std::any_of(record->aliases.begin(), record->aliases.end(),
                                        [&](const Name* alias) { return alias->text() == name; })))
            return *record->why;
    Error error(ErrorKind::unavailable, "no such allocator");
    std::string help;
    if (!like.empty())
        help.append("is ").append(like).append(" meant? ");
    help.append(others.empty() ? "`hwalloc list` shows what there is" : "of this family there is: " + others);
    error = std::move(error).doing("no allocator is called \"" + in_one_line(name) + "\"").remedy(help);
    // Nobody can tell which names a module would have brought.
    for (const auto& record : records_)
        if (record->backend == refused_module && record->why)
            error = std::move(error).because(*record->why);
    return error;
}

} // namespace hwalloc
