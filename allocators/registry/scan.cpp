// How the registry learns what there is: at its start, and at each scan.
#include <algorithm>
#include <new>

#include "allocators/registry/registry.h"
#include "allocators/registry/running.h"
#include "allocators/registry/words.h"
#include "common/udev.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {

namespace {

KeepsDevice* kept_device(Allocator* allocator) noexcept {
    return allocator->extension<KeepsDevice>();
}

} // namespace

// May be run by several threads at once: each asks, and what comes first is entered.
void Registry::start() noexcept {
    try {
        (void)start_or_throw();
    } catch (const std::bad_alloc&) {
        // The table is not published, so the next look-up comes here again.
    }
}

bool Registry::start_or_throw() {
    {
        const std::lock_guard guard(mutex_);
        if (sources_.empty()) {
            std::vector<Source> sources;
            for (const Backend* const* backend = built_in_backends; *backend; ++backend)
                sources.push_back({*backend});
            sources_ = std::move(sources);
        }
    }
    bool complete = true;
    for (const Backend* const* backend = built_in_backends; *backend; ++backend)
        complete &= ask(**backend, {}, nullptr);
    const std::lock_guard guard(mutex_);
    const auto first = std::find_if(records_.begin(), records_.end(),
                                    [](const auto& record) { return record->maker == built_in_backends[0]; });
    if (first == records_.end())
        return false;
    built_in_default_.store((*first)->made, std::memory_order_release);
    Allocator* none = nullptr;
    default_.compare_exchange_strong(none, (*first)->made, std::memory_order_acq_rel);
    if (complete && !names_.published())
        names_.publish();
    return complete;
}

std::vector<const Backend*> Registry::backends(std::size_t from) {
    std::vector<const Backend*> some;
    const std::lock_guard guard(mutex_);
    for (std::size_t i = from; i < sources_.size(); ++i)
        some.push_back(sources_[i].backend);
    return some;
}

// The kernel counts events for everybody. Where it does not tell how far it is, removals that were heard of
// do.
std::uint64_t Registry::last_event() noexcept {
    const std::uint64_t counted = last_kernel_event();
    const std::lock_guard guard(mutex_);
    return std::max(counted, newest_removal_);
}

bool Registry::ask(const Backend& backend, std::string_view wanted, MissingNames* missing) {
    const RunsOnThisThread here(*this, &backend, {});
    if (here.already())
        return false; // what it says is entered further up
    Discovery discovery(*this, backend, wanted, here.number());
    discovery.event = last_event();
    BackendHost host(discovery);
    const auto found = backend.discover(host);
    if (!found) {
        discovery.out_of_memory |=
            found.error().kind() == ErrorKind::exhausted && found.error().domain() == ErrorDomain::none;
        for_each_word(backend.families, [&](std::string_view family) {
            discovery.missing.emplace_back(family, found.error());
        });
    }
    if (missing)
        missing->insert(missing->end(), discovery.missing.begin(), discovery.missing.end());
    // What is open and answers is there, whatever this process can see of it.
    const auto open = found ? open_devices(backend) : std::vector<Allocator*>();
    std::vector<Allocator*> to_close;
    bool complete;
    {
        const std::lock_guard guard(mutex_);
        complete = enter(discovery, bool(found), open, to_close);
    }
    for (Allocator* one : to_close)
        if (auto* device = kept_device(one))
            device->close_device();
    return complete;
}

std::vector<Allocator*> Registry::open_devices(const Backend& backend) {
    std::vector<Allocator*> there;
    {
        const std::lock_guard guard(mutex_);
        for (const auto& record : records_)
            if (record->maker == &backend && record->present && !record->was_exchanged())
                there.push_back(record->made);
    }
    std::erase_if(there, [](Allocator* one) {
        auto* device = kept_device(one);
        return !device || !device->recheck_device();
    });
    return there;
}

MissingNames Registry::load_and_scan(const std::string_view* family, std::string_view wanted) {
    MissingNames missing;
    std::size_t built_in = 0;
    for (; built_in_backends[built_in]; ++built_in)
        (void)ask(*built_in_backends[built_in], wanted, &missing);
    load_companions(family);
    load_new_modules();
    for (const Backend* module : backends(built_in))
        (void)ask(*module, wanted, &missing);
    return missing;
}

// A removal says nothing about a device that was found after it.
void Registry::note_removal(const Removal& removal) noexcept {
    newest_removal_ = std::max(newest_removal_, removal.number);
    const Name* node = names_.known(removal.node);
    if (NameRecord* record = node ? node->alias_of : nullptr; record && record->present)
        record->removed_at = std::max(record->removed_at, removal.number);
}

std::vector<Sighting> Registry::rescan(std::span<const Removal> removed) {
    (void)default_allocator();
    {
        const std::lock_guard guard(mutex_);
        for (const Removal& removal : removed)
            note_removal(removal);
    }
    for (const Backend* backend : backends())
        (void)ask(*backend, {}, nullptr);
    std::vector<Sighting> present;
    const std::lock_guard guard(mutex_);
    for (const auto& record : records_) {
        if (!record->present)
            continue;
        const auto node = std::find_if(record->aliases.begin(), record->aliases.end(),
                                       [](const Name* alias) { return alias->text().starts_with("/dev/"); });
        present.push_back({.name = record->name.c_str(),
                           .node = node != record->aliases.end() ? (*node)->c_str() : nullptr,
                           .allocator = record->made,
                           .arrivals = record->arrivals,
                           .found = !record->is_applications() && record->name.bound() == record->made});
    }
    return present;
}

std::vector<std::string> Registry::subsystems() {
    (void)default_allocator();
    std::vector<std::string> all;
    for (const Backend* backend : backends())
        for_each_word(backend->subsystems ? backend->subsystems : "", [&](std::string_view subsystem) {
            if (std::find(all.begin(), all.end(), subsystem) == all.end())
                all.emplace_back(subsystem);
        });
    return all;
}

// Without memory for the list there is nothing to be done; the devices stay open.
void Registry::close_idle_devices() noexcept try {
    std::vector<Allocator*> all;
    {
        const std::lock_guard guard(mutex_);
        for (const auto& record : records_)
            if (record->made)
                all.push_back(record->made);
    }
    for (Allocator* one : all)
        if (auto* device = kept_device(one))
            device->close_device();
} catch (const std::bad_alloc&) {
}

} // namespace hwalloc
