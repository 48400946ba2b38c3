// What a backend's discover() can say and ask.
#include "allocators/registry/discovery.h"

#include <algorithm>
#include <new>

#include "allocators/registry/errors.h"
#include "allocators/registry/registry.h"

namespace hwalloc {

using namespace registry_errors;

BackendHost::Discovery::Listed* BackendHost::Discovery::find(std::string_view name) noexcept {
    const auto at =
        std::find_if(listed.begin(), listed.end(), [&](const Listed& one) { return one.name == name; });
    return at == listed.end() ? nullptr : &*at;
}

bool BackendHost::Discovery::names(std::string_view name_or_alias) const noexcept {
    return std::any_of(listed.begin(), listed.end(), [&](const Listed& one) {
        return one.name == name_or_alias ||
               std::find(one.aliases.begin(), one.aliases.end(), name_or_alias) != one.aliases.end();
    });
}

void BackendHost::Discovery::list(std::string_view name, std::initializer_list<std::string_view> aliases,
                                  AllocatorRef added) {
    Listed said{std::string(name), {}, std::move(added)};
    for (const std::string_view alias : aliases)
        if (!alias.empty() && alias.find('\0') == alias.npos)
            said.aliases.emplace_back(alias);
    if (Listed* before = find(name)) {
        if (!said.added)
            said.added = std::move(before->added);
        *before = std::move(said);
    } else {
        listed.push_back(std::move(said));
    }
}

bool BackendHost::knows(std::string_view name) const noexcept {
    return discovery_.names(name) || discovery_.registry.standing(discovery_.backend, name).taken;
}

bool BackendHost::still_here(std::string_view name,
                             std::initializer_list<std::string_view> aliases) noexcept {
    const Registry::Standing standing = discovery_.registry.standing(discovery_.backend, name);
    if (!standing.own && !discovery_.find(name))
        return standing.taken;
    try {
        discovery_.list(name, aliases, {});
    } catch (const std::bad_alloc&) {
        discovery_.out_of_memory = true;
    }
    return true;
}

Result<void> BackendHost::add(std::string_view name, AllocatorRef allocator,
                              std::initializer_list<std::string_view> aliases) noexcept {
    if (auto sound = check_name(name); !sound)
        return sound;
    if (!allocator)
        return no_allocator();
    if (still_here(name, aliases))
        return name_taken();
    try {
        discovery_.list(name, aliases, std::move(allocator));
        return {};
    } catch (const std::bad_alloc&) {
        discovery_.out_of_memory = true;
        return no_memory();
    }
}

std::string_view BackendHost::wanted() const noexcept {
    return discovery_.wanted;
}

Result<void> BackendHost::alias(std::string_view alias, std::string_view name) noexcept {
    if (auto sound = check_name(alias); !sound)
        return sound;
    if (knows(alias))
        return name_taken();
    const Registry::Standing standing = discovery_.registry.standing(discovery_.backend, name);
    if (standing.withdrawn || (!standing.has_allocator && !discovery_.find(name)))
        return name_unknown();
    try {
        discovery_.lasting_aliases.push_back({std::string(alias), std::string(name)});
        return {};
    } catch (const std::bad_alloc&) {
        discovery_.out_of_memory = true;
        return no_memory();
    }
}

void BackendHost::unavailable(std::string_view name, Error why) noexcept {
    if (!check_name(name))
        return;
    try {
        discovery_.missing.emplace_back(name, std::move(why));
    } catch (const std::bad_alloc&) {
        // A reason is a courtesy; the allocator is missing all the same.
    }
}

} // namespace hwalloc
