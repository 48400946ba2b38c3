// Which allocators a user or an administrator prefers, without a word to the application.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <utility>

#include "common/fork_safe_mutex.h"
#include "common/immortal.h"
#include "common/read_file.h"
#include "hwalloc/plan.h"

namespace hwalloc {
namespace {

constexpr const char* variable = "HWALLOC_ALLOCATORS";
constexpr const char* system_file = "/etc/hwalloc/allocators";

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view space = " \t\r";
    const auto first = text.find_first_not_of(space);
    return first == text.npos ? std::string_view()
                              : text.substr(first, text.find_last_not_of(space) - first + 1);
}

void add(std::string_view name, std::vector<std::string>& names) {
    if (name = trimmed(name); !name.empty())
        names.emplace_back(name);
}

// A name a line, and comments.
void split_at_lines(std::string_view text, std::vector<std::string>& names) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        add(line.substr(0, line.find('#')), names);
    }
}

// What the caller of a more privileged process says must not decide for it (man 3 secure_getenv).
std::string users_file() {
    if (const char* home = secure_getenv("XDG_CONFIG_HOME"); home && *home == '/')
        return std::string(home) + "/hwalloc/allocators";
    if (const char* home = secure_getenv("HOME"); home && *home == '/')
        return std::string(home) + "/.config/hwalloc/allocators";
    return {};
}

PreferredAllocators read_preferences() {
    PreferredAllocators found;
    if (const char* names = secure_getenv(variable)) { // set and empty: none
        found.source = variable;
        found.names = allocator_names(names);
        return found;
    }
    for (const std::string& file : {users_file(), std::string(system_file)}) {
        if (file.empty())
            continue;
        auto text = read_file(file.c_str(), std::size_t{64} << 10);
        if (!text && (text.error().code() == ENOENT || text.error().code() == ENOTDIR))
            continue;
        found.source = file;
        if (text)
            split_at_lines(*text, found.names);
        else
            found.why = std::move(text).error().doing("reading which allocators are preferred");
        return found;
    }
    return found;
}

// Those of this process, read once. Kept: plans may be made while static objects end.
struct Preferences {
    ForkSafeMutex mutex; // held while they are read
    std::atomic<const PreferredAllocators*> known{nullptr};
    PreferredAllocators none;
};
HWALLOC_IMMORTAL(Preferences, preferences);

} // namespace

std::vector<std::string> allocator_names(std::string_view list) {
    std::vector<std::string> names;
    std::string name;
    for (; !list.empty(); list.remove_prefix(1)) {
        if (list.starts_with("\\,"))
            list.remove_prefix(1);
        else if (list.front() == ',') {
            add(std::exchange(name, {}), names);
            continue;
        }
        name += list.front();
    }
    add(name, names);
    return names;
}

const PreferredAllocators& preferred_allocators() noexcept {
    const PreferredAllocators* known = preferences->known.load(std::memory_order_acquire);
    if (known) [[likely]]
        return *known;
    const std::lock_guard guard(preferences->mutex);
    known = preferences->known.load(std::memory_order_relaxed);
    if (known)
        return *known;
    try {
        known = new PreferredAllocators(read_preferences());
    } catch (const std::bad_alloc&) {
        known = &preferences->none;
    }
    preferences->known.store(known, std::memory_order_release);
    return *known;
}

} // namespace hwalloc
