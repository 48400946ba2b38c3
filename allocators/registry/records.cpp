// What becomes of names when backends say what there is, and when devices come and go.
#include <algorithm>
#include <cerrno>
#include <new>

#include "allocators/registry/registry.h"
#include "allocators/registry/words.h"

namespace hwalloc {

// A name that the application took out stays out: a scan must not bring it back.
bool Registry::is_taken(const Name& name) noexcept {
    return name.bound() || (name.record && name.record->withdrawn);
}

Registry::Standing Registry::standing(const Backend& backend, std::string_view name) noexcept {
    const std::lock_guard guard(mutex_);
    const Name* known = names_.known(name);
    if (!known)
        return {};
    const NameRecord* record = known->record;
    const bool withdrawn = record && record->withdrawn;
    return {.own = record && record->maker == &backend,
            .taken = is_taken(*known),
            .withdrawn = withdrawn,
            .has_allocator = record && !withdrawn && known->bound()};
}

NameRecord& Registry::record_of(Name& name, std::string_view family, std::string_view backend) {
    if (name.record)
        return *name.record;
    records_.push_back(std::make_unique<NameRecord>(name, family, backend));
    name.record = records_.back().get();
    return *name.record;
}

void Registry::forget_alias(Name& name) noexcept {
    if (NameRecord* record = std::exchange(name.alias_of, nullptr)) {
        std::erase(record->aliases, &name);
        std::erase(record->lasting_aliases, &name);
    }
}

bool Registry::enter(Discovery& discovery, bool found, std::span<Allocator* const> open,
                     std::vector<Allocator*>& to_close) noexcept {
    const auto source = std::find_if(sources_.begin(), sources_.end(),
                                     [&](const Source& one) { return one.backend == &discovery.backend; });
    if (source == sources_.end())
        return false;
    try {
        // What was looked for later is known already, and truer.
        const bool is_newest = discovery.number > source->newest;
        if (is_newest) {
            const auto of_this_backend = [&](const auto& record) {
                return record->maker == &discovery.backend && record->present;
            };
            to_close.reserve(
                discovery.listed.size() +
                static_cast<std::size_t>(std::count_if(records_.begin(), records_.end(), of_this_backend)));
            for (Discovery::Listed& listed : discovery.listed)
                enter_listed(discovery, listed, to_close);
            if (found && !discovery.out_of_memory) {
                for (const auto& record : records_)
                    if (of_this_backend(record) && record->listed_by != discovery.number &&
                        std::find(open.begin(), open.end(), record->made) == open.end())
                        depart(*record, to_close);
                source->newest = discovery.number;
            }
        }
        for (const Discovery::LastingAlias& lasting : discovery.lasting_aliases)
            enter_lasting_alias(lasting);
        if (is_newest)
            enter_missing(discovery, found);
        return !discovery.out_of_memory;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void Registry::enter_listed(Discovery& discovery, Discovery::Listed& listed,
                            std::vector<Allocator*>& to_close) {
    Name& name = names_.intern(listed.name);
    if (!name.record || !name.record->maker) {
        if (!listed.added || is_taken(name)) // the application, or another backend, was faster
            return;
        std::string family(listed.added->mem_type()), backend(discovery.backend.name);
        NameRecord& record = record_of(name, family, backend);
        record.family = std::move(family);
        record.backend = std::move(backend);
        record.maker = &discovery.backend;
        record.made = listed.added.get();
        keep(*listed.added, name.c_str());
    }
    NameRecord& record = *name.record;
    if (record.maker != &discovery.backend)
        return;
    record.listed_by = discovery.number;
    arrive(record, discovery, to_close);
    set_aliases(record, listed.aliases);
}

void Registry::enter_lasting_alias(const Discovery::LastingAlias& lasting) {
    Name& alias = names_.intern(lasting.alias);
    const Name* name = names_.known(lasting.name);
    if (is_taken(alias) || !name || !name->bound() || !name->record || name->record->withdrawn)
        return;
    NameRecord& record = *name->record;
    record.aliases.reserve(record.aliases.size() + 1);
    record.lasting_aliases.reserve(record.lasting_aliases.size() + 1);
    forget_alias(alias);
    record.aliases.push_back(&alias);
    record.lasting_aliases.push_back(&alias);
    alias.alias_of = &record;
    alias.bind(name->bound());
}

// Noted when all is entered: what the backend says is missing may have been bound until then. A reason that
// it does not repeat is no more.
void Registry::enter_missing(Discovery& discovery, bool found) {
    for (auto& [text, why] : discovery.missing) {
        Name& name = names_.intern(text);
        if (is_taken(name))
            continue;
        NameRecord& record = record_of(name, family_of(text), discovery.backend.name);
        if (!record.made)
            record.backend = discovery.backend.name;
        record.why = std::move(why);
        record.why_found_by = discovery.number;
        record.load_failed = false;
    }
    if (found)
        erase_reasons([&](const NameRecord& record) {
            return !record.load_failed && record.backend == discovery.backend.name &&
                   record.why_found_by != discovery.number;
        });
}

// What ends with a device, even when another is in its place by now: its open file, and its being the
// default.
void Registry::let_go_of_device(const NameRecord& record, bool is_default_no_more,
                                std::vector<Allocator*>& to_close) noexcept {
    to_close.push_back(record.made); // there is room
    if (is_default_no_more && default_.load(std::memory_order_relaxed) == record.made)
        default_.store(built_in_default_.load(std::memory_order_relaxed), std::memory_order_release);
}

// The device of a record is there: bound again if it was not.
void Registry::arrive(NameRecord& record, const Discovery& discovery,
                      std::vector<Allocator*>& to_close) noexcept {
    const bool exchanged = record.was_exchanged();
    if (record.present && !exchanged)
        return;
    if (exchanged) {
        if (discovery.event < record.removed_at)
            return; // it was seen before it went
        // A default that was chosen after that is the new one.
        let_go_of_device(record, record.removed_at > default_chosen_at_, to_close);
    }
    record.present = true;
    record.arrived_at = discovery.event;
    ++record.arrivals;
    changed();
    record.why.reset();
    if (!record.is_applications())
        record.name.bind(record.made);
    for (Name* alias : record.aliases)
        alias->bind(record.made);
}

// The device of a record has gone. What the application registered stays, whatever became of the device.
void Registry::depart(NameRecord& record, std::vector<Allocator*>& to_close) noexcept {
    record.present = false;
    changed();
    let_go_of_device(record, true, to_close);
    for (Name* alias : record.aliases)
        alias->bind(nullptr);
    if (record.is_applications())
        return;
    record.name.bind(nullptr);
    record.why_found_by = 0;
    record.why = Error(ErrorKind::device_lost, ENODEV, "using a device")
                     .on(record.name.text())
                     .remedy("it has gone: it was unplugged, or its driver was unloaded; the name comes back "
                             "with the device");
}

// An alias that the application gave to another allocator, or took out, stays as it is, and so does the name
// of another backend's allocator.
void Registry::set_aliases(NameRecord& record, std::span<const std::string> aliases) {
    std::vector<Name*> wanted;
    for (const std::string& alias : aliases) {
        Name& name = names_.intern(alias);
        const NameRecord* other = name.record;
        if ((!other || (!other->is_applications() && !other->made)) &&
            std::find(wanted.begin(), wanted.end(), &name) == wanted.end())
            wanted.push_back(&name);
    }
    record.aliases.reserve(record.aliases.size() + wanted.size());
    const std::size_t before = record.aliases.size();
    std::erase_if(record.aliases, [&](Name* old) {
        const auto among = [&](const std::vector<Name*>& some) {
            return std::find(some.begin(), some.end(), old) != some.end();
        };
        if (among(wanted) || among(record.lasting_aliases))
            return false;
        old->alias_of = nullptr;
        old->bind(nullptr);
        return true;
    });
    bool other = record.aliases.size() != before;
    for (Name* alias : wanted) {
        if (alias->alias_of == &record)
            continue;
        forget_alias(*alias);
        alias->alias_of = &record;
        alias->bind(record.made);
        record.aliases.push_back(alias);
        other = true;
    }
    if (other)
        changed();
}

} // namespace hwalloc
