// What backends say to the registry, and what becomes of names when their devices come and go.
#include <algorithm>
#include <cerrno>
#include <new>

#include "allocators/registry/registry.h"
#include "allocators/registry/registry_words.h"
#include "common/without_exceptions.h"

namespace hwalloc {

using namespace registry_words;

bool BackendHost::knows(std::string_view name) const noexcept {
    return registry_.knows(name);
}
bool BackendHost::still_here(std::string_view name,
                             std::initializer_list<std::string_view> aliases) noexcept {
    return registry_.still_here(backend_, name, aliases);
}
Result<void> BackendHost::add(std::string_view name, AllocatorRef allocator,
                              std::initializer_list<std::string_view> aliases) noexcept {
    return without_exceptions(
        shortage, [&] { return registry_.add_by_backend(backend_, name, std::move(allocator), aliases); });
}
std::string_view BackendHost::wanted() const noexcept {
    return registry_.wanted();
}
Result<void> BackendHost::alias(std::string_view alias, std::string_view name) noexcept {
    return without_exceptions(shortage, [&] { return registry_.add_alias(alias, name); });
}
void BackendHost::unavailable(std::string_view name, Error why) noexcept {
    try {
        registry_.note_unavailable(name, std::move(why));
    } catch (const std::bad_alloc&) {
        // A reason is a courtesy; the allocator is missing all the same.
    }
}

// A name that the application took out stays out: a rescan must not bring it back.
bool Registry::knows(std::string_view name) noexcept {
    return names_.bound(name) || std::any_of(records_.begin(), records_.end(), [&](const Record& record) {
               return record.withdrawn && record.name == name;
           });
}

bool Registry::Record::applications() const noexcept {
    return withdrawn || backend == application;
}

bool Registry::still_here(const Backend& backend, std::string_view name,
                          std::initializer_list<std::string_view> aliases) noexcept {
    Record* record = find_record(name);
    if (!record || record->maker != &backend)
        return knows(name);
    record->listed = true;
    arrive(*record);
    try {
        set_aliases(*record, aliases);
    } catch (const std::bad_alloc&) {
        // The name itself is bound; the next scan tries again.
    }
    return true;
}

// What ends with a device, be there another in its place by now: its open file, and its being the default.
void Registry::let_go_of_device(const Record& record) noexcept {
    if (auto* device = keeper(record.made))
        device->close_device();
    if (default_.load(std::memory_order_relaxed) == record.made)
        default_.store(built_in_default_, std::memory_order_release);
}

// The device of a record is there: bound again if it was not.
void Registry::arrive(Record& record) noexcept {
    if (record.present && !record.removed)
        return;
    if (record.removed)
        let_go_of_device(record);
    record.present = true;
    record.removed = false;
    ++record.arrivals;
    changed();
    record.why.reset();
    if (!record.applications())
        names_.rebind(record.name, record.made);
    for (const std::string& alias : record.aliases)
        names_.rebind(alias, record.made);
}

// The device of a record has gone. What the application registered stays, whatever became of the device.
void Registry::depart(Record& record) noexcept {
    record.present = record.removed = false;
    changed();
    let_go_of_device(record);
    for (const std::string& alias : record.aliases)
        names_.rebind(alias, nullptr);
    if (record.applications())
        return;
    names_.rebind(record.name, nullptr);
    record.why = Error(ErrorKind::device_lost, ENODEV, "using a device")
                     .on(record.name)
                     .remedy("it has gone: it was unplugged, or its driver was unloaded; the name comes back "
                             "with the device");
}

// An alias that the application gave to another allocator, or took out, stays as it is.
void Registry::set_aliases(Record& record, std::span<const std::string_view> aliases) {
    const auto applications = [&](std::string_view alias) {
        const Record* other = find_record(alias);
        return other && other->applications();
    };
    const auto obsolete = [&](const std::string& old) {
        return std::find(aliases.begin(), aliases.end(), old) == aliases.end() &&
               std::find(record.lasting_aliases.begin(), record.lasting_aliases.end(), old) ==
                   record.lasting_aliases.end();
    };
    for (const std::string& old : record.aliases)
        if (obsolete(old))
            names_.rebind(old, nullptr);
    if (std::erase_if(record.aliases, obsolete) > 0)
        changed();
    for (const std::string_view alias : aliases) {
        if (alias.empty() || applications(alias) ||
            std::find(record.aliases.begin(), record.aliases.end(), alias) != record.aliases.end())
            continue;
        std::string text(alias);
        record.aliases.reserve(record.aliases.size() + 1);
        forget_alias(alias);
        names_.bind(alias, record.made);
        record.aliases.push_back(std::move(text));
        changed();
    }
}

Registry::Record* Registry::find_record(std::string_view name) noexcept {
    const auto at =
        std::find_if(records_.begin(), records_.end(), [&](const Record& one) { return one.name == name; });
    return at == records_.end() ? nullptr : &*at;
}

Registry::Record& Registry::record_of(std::string_view name, std::string_view family,
                                      std::string_view backend) {
    if (Record* known = find_record(name))
        return *known;
    Record& fresh = records_.emplace_back();
    fresh.name = name;
    fresh.family = family;
    fresh.backend = backend;
    return fresh;
}

Result<void> Registry::add_by_backend(const Backend& backend, std::string_view name, AllocatorRef allocator,
                                      std::initializer_list<std::string_view> aliases) {
    if (name.empty())
        return empty_name();
    if (!allocator)
        return no_allocator();
    if (still_here(backend, name, aliases))
        return Error(ErrorKind::conflict, "the name is taken, or the application took it out");
    const char* text = names_.intern(name);
    Record& record = record_of(name, allocator->mem_type(), backend.name);
    record.family = allocator->mem_type();
    record.maker = &backend;
    record.made = allocator.get();
    record.listed = true;
    keep(std::move(allocator), text);
    arrive(record);
    set_aliases(record, aliases);
    return {};
}

Result<void> Registry::add_alias(std::string_view alias, std::string_view name) {
    if (alias.empty())
        return empty_name();
    if (knows(alias))
        return Error(ErrorKind::conflict, "the name is taken, or the application took it out");
    Allocator* meant = names_.bound(name);
    const auto record = std::find_if(records_.begin(), records_.end(),
                                     [&](const Record& one) { return one.name == name && !one.withdrawn; });
    if (!meant || record == records_.end())
        return Error(ErrorKind::unavailable, "no allocator is registered under this name");
    record->lasting_aliases.emplace_back(alias);
    record->aliases.emplace_back(alias);
    names_.bind(alias, meant);
    return {};
}

// Noted when the backend has named all: what it says is missing may be bound until then.
void Registry::note_unavailable(std::string_view name, Error why) {
    reasons_.emplace_back(name, std::move(why));
}

void Registry::forget_alias(std::string_view name) {
    for (Record& record : records_)
        std::erase(record.aliases, name);
}

} // namespace hwalloc
