// How the registry learns what there is: at its start, at each scan, and from what is loaded.
#include <algorithm>
#include <new>

#include "allocators/registry/registry.h"
#include "allocators/registry/registry_words.h"

namespace hwalloc {

using namespace registry_words;

namespace {

bool brings(const Companion& companion, std::string_view wanted) {
    bool found = false;
    for_each_word(companion.families, [&](std::string_view family) { found |= family == wanted; });
    return found;
}

} // namespace

bool Registry::start() noexcept {
    std::lock_guard guard(mutex_);
    if (names_.published())
        return true;
    try {
        for (const Backend* const* backend = built_in_backends; *backend; ++backend)
            run(**backend);
    } catch (const std::bad_alloc&) {
        return false;
    }
    built_in_default_ = records_.empty() ? nullptr : names_.bound(records_.front().name);
    if (!built_in_default_)
        return false;
    default_.store(built_in_default_, std::memory_order_release);
    names_.publish();
    return true;
}

void Registry::run(const Backend& backend) {
    for (Record& record : records_)
        if (record.maker == &backend)
            record.listed = false;
    reasons_.clear();
    BackendHost host(*this, backend);
    if (auto found = backend.discover(host); !found) {
        for_each_word(backend.families,
                      [&](std::string_view family) { note_unavailable(family, found.error()); });
    } else {
        for (Record& record : records_) {
            if (record.maker != &backend || !record.present)
                continue;
            // What is open and answers is there, whatever this process can see of it.
            auto* device = keeper(record.made);
            const bool open = device && !record.removed && device->recheck_device();
            if (!record.listed && !open)
                depart(record);
        }
    }
    for (auto& [name, why] : reasons_)
        if (!knows(name))
            record_of(name, family_of(name), backend.name).why = std::move(why);
}

// Reasons are told anew by every scan, but not those of loading: what was refused is not loaded again.
void Registry::forget_reasons() {
    std::erase_if(records_, [&](const Record& record) {
        return record.why && !record.load_failed && !record.made && !names_.bound(record.name);
    });
}

// What is there now may have come after a removal that another monitor has told of already. Removals are kept
// by node and not with the records, because whose device came and went between two looks has no record yet.
void Registry::heed(const Removal& removal) {
    const auto known = std::find_if(heeded_.begin(), heeded_.end(),
                                    [&](const Removal& one) { return one.node == removal.node; });
    if (known == heeded_.end())
        heeded_.push_back(removal);
    else if (known->number < removal.number)
        known->number = removal.number;
    else
        return;
    for (Record& record : records_)
        if (record.present &&
            std::find(record.aliases.begin(), record.aliases.end(), removal.node) != record.aliases.end())
            record.removed = true;
}

std::vector<Sighting> Registry::rescan(std::span<const Removal> removed) {
    (void)default_allocator();
    const std::lock_guard guard(mutex_);
    for (const Removal& removal : removed)
        heed(removal);
    forget_reasons();
    for (const Backend* const* backend = built_in_backends; *backend; ++backend)
        run(**backend);
    for (const Backend* module : modules_)
        run(*module);
    std::vector<Sighting> present;
    for (const Record& record : records_) {
        if (!record.present)
            continue;
        const auto node = std::find_if(record.aliases.begin(), record.aliases.end(),
                                       [](const std::string& alias) { return alias.starts_with("/dev/"); });
        present.push_back({.name = names_.intern(record.name),
                           .node = node != record.aliases.end() ? names_.intern(*node) : nullptr,
                           .allocator = record.made,
                           .arrivals = record.arrivals,
                           .found = !record.applications() && names_.bound(record.name) == record.made});
    }
    return present;
}

std::vector<std::string> Registry::subsystems() {
    std::vector<std::string> all;
    const auto add = [&](const Backend& backend) {
        for_each_word(backend.subsystems ? backend.subsystems : "", [&](std::string_view subsystem) {
            if (std::find(all.begin(), all.end(), subsystem) == all.end())
                all.emplace_back(subsystem);
        });
    };
    for (const Backend* const* backend = built_in_backends; *backend; ++backend)
        add(**backend);
    const std::lock_guard guard(mutex_);
    for (const Backend* module : modules_)
        add(*module);
    return all;
}

void Registry::close_idle_devices() noexcept {
    const std::lock_guard guard(mutex_);
    for (const Record& record : records_)
        if (auto* device = record.made ? keeper(record.made) : nullptr)
            device->close_device();
}

void Registry::load_and_scan(const std::string_view* family) {
    forget_reasons();
    for (const Backend* const* backend = built_in_backends; *backend; ++backend)
        run(**backend);
    load_companions(family);
    load_new_modules();
    for (const Backend* module : modules_)
        run(*module);
}

// One file has many paths, and a companion may lie among the modules too.
void Registry::add_module(const Backend& module) {
    if (std::find(modules_.begin(), modules_.end(), &module) == modules_.end())
        modules_.push_back(&module);
}

void Registry::load_companions(const std::string_view* family) {
    for (const Companion* companion = companions; companion->families; ++companion) {
        if ((family && !brings(*companion, *family)) ||
            std::find(loaded_.begin(), loaded_.end(), companion) != loaded_.end())
            continue;
        loaded_.reserve(loaded_.size() + 1);
        bool loaded = false;
        const auto module = load_companion(*companion, &loaded);
        if (loaded)
            loaded_.push_back(companion);
        if (module) {
            std::erase_if(records_, [&](const Record& record) {
                return record.load_failed && record.backend == companion->soname;
            });
            add_module(**module);
            continue;
        }
        for_each_word(companion->families, [&](std::string_view missing) {
            if (knows(missing))
                return;
            Record& record = record_of(missing, missing, companion->soname);
            record.why = module.error();
            record.load_failed = true;
        });
    }
}

void Registry::load_new_modules() {
    load_modules(
        [](const Backend* module, std::string_view path, const Error* refused, void* self) {
            auto& registry = *static_cast<Registry*>(self);
            if (refused) {
                Record& record = registry.record_of(path, "", refused_module);
                record.why = *refused;
                record.load_failed = true;
                return;
            }
            // A file that could not be loaded at first is tried again.
            std::erase_if(registry.records_, [&](const Record& record) {
                return record.backend == refused_module && record.name == path;
            });
            registry.add_module(*module);
        },
        this);
}

} // namespace hwalloc
