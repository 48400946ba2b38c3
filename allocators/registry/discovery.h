// What one call of a backend's discover() says, kept apart until it ends: foreign code runs without a lock,
// and what it says changes the registry at once, or, when a call that began later has said it already, not at
// all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hwalloc/backend.h"

namespace hwalloc {

class Registry;

using MissingNames = std::vector<std::pair<std::string, Error>>;

struct BackendHost::Discovery {
    struct Listed {
        std::string name;
        std::vector<std::string> aliases;
        AllocatorRef added; // null: still_here()
    };
    struct LastingAlias {
        std::string alias, name;
    };

    Registry& registry;
    const Backend& backend;
    std::string_view wanted;
    std::uint64_t number;    // calls are counted from 1, in the order in which they begin
    std::uint64_t event = 0; // the kernel's last one that is known to have been before this call

    std::vector<Listed> listed;
    std::vector<LastingAlias> lasting_aliases;
    MissingNames missing;
    bool out_of_memory = false; // something that was said is not here

    Discovery(Registry& asking, const Backend& asked, std::string_view name, std::uint64_t call) noexcept
        : registry(asking), backend(asked), wanted(name), number(call) {}
    Listed* find(std::string_view name) noexcept;
    bool names(std::string_view name_or_alias) const noexcept;
    void list(std::string_view name, std::initializer_list<std::string_view> aliases, AllocatorRef added);
};

} // namespace hwalloc
