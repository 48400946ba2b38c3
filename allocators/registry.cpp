#include "allocators/registry.h"

#include <algorithm>
#include <cerrno>
#include <new>

namespace hwalloc {
namespace {

// Never destroyed: allocators outlive every other static object.
union Immortal {
    Registry registry;
    constexpr Immortal() noexcept : registry() {}
    ~Immortal() {}
};
constinit Immortal immortal;

Error no_memory() noexcept {
    return {ErrorKind::exhausted, "no memory for the registry of allocators"};
}
Error empty_name() noexcept {
    return {ErrorKind::invalid, "an allocator's name must not be empty"};
}
Error no_allocator() noexcept {
    return {ErrorKind::invalid, "there is no allocator to register"};
}

constexpr std::string_view refused_module = "module"; // the backend of a record that is a module's path
constexpr std::string_view application = "application";

KeepsDevice* keeper(Allocator* allocator) noexcept {
    return allocator->extension<KeepsDevice>();
}

std::string_view family_of(std::string_view name) noexcept {
    return name.substr(0, name.find('/'));
}

// Calls `each` for every word of `families`.
template<class F>
void for_each_family(std::string_view families, F&& each) {
    while (!families.empty()) {
        const auto family = families.substr(0, families.find(' '));
        families.remove_prefix(std::min(families.size(), family.size() + 1));
        if (!family.empty())
            each(family);
    }
}

bool brings(const Companion& companion, std::string_view wanted) {
    bool found = false;
    for_each_family(companion.families, [&](std::string_view family) { found |= family == wanted; });
    return found;
}

// Runs `f`, which may throw bad_alloc, on behalf of a function that must not.
template<class F>
auto without_throwing(F&& f) noexcept -> decltype(f()) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return no_memory();
    }
}

} // namespace

Registry& Registry::instance() noexcept {
    return immortal.registry;
}

// The reference is never given back: look-ups count nothing because of that.
void Registry::keep(AllocatorRef allocator, const char* name) noexcept {
    Allocator& kept = *allocator;
    const char* unnamed = kept.name_.load(std::memory_order_relaxed);
    if (name && *unnamed == 0)
        kept.name_.store(name, std::memory_order_release);
    if (!kept.immortal_.load(std::memory_order_relaxed)) {
        kept.ref();
        kept.kept_before_ = std::exchange(kept_, &kept); // reachable, so that no leak checker reports it
        kept.immortal_.store(true, std::memory_order_relaxed);
    }
}

// ---- start and scans

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
            record.told = false;
    reasons_.clear();
    BackendHost host(*this, backend);
    if (auto found = backend.discover(host); !found) {
        for_each_family(backend.families,
                        [&](std::string_view family) { note_unavailable(family, found.error()); });
    } else {
        for (Record& record : records_) {
            if (record.maker != &backend || !record.present)
                continue;
            // What is open and answers is there, whatever this process can see of it.
            auto* device = keeper(record.made);
            const bool open = device && !record.removed && device->recheck_device();
            if (!record.told && !open)
                depart(record);
        }
    }
    for (auto& [name, why] : reasons_)
        if (!has(name))
            record_of(name, family_of(name), backend.name).why = std::move(why);
}

// Reasons are told anew by every scan, but not those of loading: what was refused is not loaded again.
void Registry::forget_reasons() {
    std::erase_if(records_, [&](const Record& record) {
        return record.why && !record.load_failed && !record.made && !names_.bound(record.name);
    });
}

std::vector<Sighting> Registry::rescan(std::span<const std::string> removed) {
    (void)default_allocator();
    const std::lock_guard guard(mutex_);
    for (Record& record : records_)
        record.removed = record.removed || std::any_of(removed.begin(), removed.end(), [&](const auto& node) {
                             return record.present && std::find(record.aliases.begin(), record.aliases.end(),
                                                                node) != record.aliases.end();
                         });
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
        for_each_family(companion->families, [&](std::string_view missing) {
            if (has(missing))
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

// ---- what backends say

bool BackendHost::has(std::string_view name) const noexcept {
    return registry_.told(backend_, name);
}
bool BackendHost::present(std::string_view name, std::initializer_list<std::string_view> aliases) noexcept {
    return registry_.told(backend_, name, aliases);
}
Result<void> BackendHost::add(std::string_view name, AllocatorRef allocator,
                              std::initializer_list<std::string_view> aliases) noexcept {
    return without_throwing(
        [&] { return registry_.add_by_backend(backend_, name, std::move(allocator), aliases); });
}
std::string_view BackendHost::wanted() const noexcept {
    return registry_.wanted();
}
Result<void> BackendHost::alias(std::string_view alias, std::string_view name) noexcept {
    return without_throwing([&] { return registry_.add_alias(alias, name); });
}
void BackendHost::unavailable(std::string_view name, Error why) noexcept {
    try {
        registry_.note_unavailable(name, std::move(why));
    } catch (const std::bad_alloc&) {
        // A reason is a courtesy; the allocator is missing all the same.
    }
}

// A name that the application took out stays out: a rescan must not bring it back.
bool Registry::has(std::string_view name) noexcept {
    return names_.bound(name) || std::any_of(records_.begin(), records_.end(), [&](const Record& record) {
               return record.withdrawn && record.name == name;
           });
}

bool Registry::Record::applications() const noexcept {
    return withdrawn || backend == application;
}

bool Registry::told(const Backend& backend, std::string_view name) noexcept {
    Record* record = find_record(name);
    if (!record || record->maker != &backend)
        return has(name);
    record->told = true;
    arrive(*record);
    return true;
}

bool Registry::told(const Backend& backend, std::string_view name,
                    std::initializer_list<std::string_view> aliases) noexcept {
    if (!told(backend, name))
        return false;
    try {
        if (Record* record = find_record(name); record && record->maker == &backend)
            set_aliases(*record, aliases);
    } catch (const std::bad_alloc&) {
        // The name itself is bound; the next scan tries again.
    }
    return true;
}

// The device of a record is there: bound again if it was not.
void Registry::arrive(Record& record) noexcept {
    if (record.present && !record.removed)
        return;
    if (auto* device = record.removed ? keeper(record.made) : nullptr)
        device->close_device();
    record.present = true;
    record.removed = false;
    ++record.arrivals;
    record.why.reset();
    if (!record.applications())
        names_.rebind(record.name, record.made);
    for (const std::string& alias : record.aliases)
        names_.rebind(alias, record.made);
}

// The device of a record has gone. What the application registered stays, whatever became of the device.
void Registry::depart(Record& record) noexcept {
    record.present = record.removed = false;
    if (auto* device = keeper(record.made))
        device->close_device();
    if (default_.load(std::memory_order_relaxed) == record.made)
        default_.store(built_in_default_, std::memory_order_release);
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
    for (const std::string& old : record.aliases)
        if (std::find(aliases.begin(), aliases.end(), old) == aliases.end())
            names_.rebind(old, nullptr);
    std::erase_if(record.aliases, [&](const std::string& old) {
        return std::find(aliases.begin(), aliases.end(), old) == aliases.end();
    });
    for (const std::string_view alias : aliases) {
        if (alias.empty() || applications(alias) ||
            std::find(record.aliases.begin(), record.aliases.end(), alias) != record.aliases.end())
            continue;
        std::string text(alias);
        record.aliases.reserve(record.aliases.size() + 1);
        forget_alias(alias);
        names_.bind(alias, record.made);
        record.aliases.push_back(std::move(text));
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
    if (told(backend, name))
        return Error(ErrorKind::conflict, "the name is taken, or the application took it out");
    const char* text = names_.intern(name);
    Record& record = record_of(name, allocator->mem_type(), backend.name);
    record.family = allocator->mem_type();
    record.maker = &backend;
    record.made = allocator.get();
    record.told = true;
    keep(std::move(allocator), text);
    arrive(record);
    set_aliases(record, aliases);
    return {};
}

Result<void> Registry::add_alias(std::string_view alias, std::string_view name) {
    if (alias.empty())
        return empty_name();
    if (has(alias))
        return Error(ErrorKind::conflict, "the name is taken, or the application took it out");
    Allocator* meant = names_.bound(name);
    const auto record = std::find_if(records_.begin(), records_.end(),
                                     [&](const Record& one) { return one.name == name && !one.withdrawn; });
    if (!meant || record == records_.end())
        return Error(ErrorKind::unavailable, "no allocator is registered under this name");
    record->aliases.emplace_back(alias);
    names_.bind(alias, meant);
    return {};
}

// Noted when the backend has told all: what it says is missing may be bound until then.
void Registry::note_unavailable(std::string_view name, Error why) {
    reasons_.emplace_back(name, std::move(why));
}

void Registry::forget_alias(std::string_view name) {
    for (Record& record : records_)
        std::erase(record.aliases, name);
}

// ---- what applications ask

Result<void> Registry::add_by_application(std::string_view name, AllocatorRef allocator) noexcept {
    if (name.empty())
        return empty_name();
    if (!allocator)
        return no_allocator();
    if (!default_allocator())
        return no_memory();
    std::lock_guard guard(mutex_);
    return without_throwing([&]() -> Result<void> {
        const char* text = names_.intern(name);
        forget_alias(name);
        Record& record = record_of(name, allocator->mem_type(), application);
        record.family = allocator->mem_type();
        record.backend = application;
        record.why.reset();
        record.withdrawn = false;
        Allocator* made = allocator.get();
        keep(std::move(allocator), text);
        names_.bind(name, made);
        return {};
    });
}

Result<void> Registry::remove(std::string_view name) noexcept {
    if (name.empty())
        return empty_name();
    if (!default_allocator())
        return no_memory();
    std::lock_guard guard(mutex_);
    if (!names_.bound(name))
        return Error(ErrorKind::unavailable, "no allocator is registered under this name");
    return without_throwing([&]() -> Result<void> {
        Record& record = record_of(name, family_of(name), application);
        record.withdrawn = true;
        forget_alias(name);
        names_.bind(name, nullptr);
        return {};
    });
}

Result<void> Registry::set_default(AllocatorRef allocator) noexcept {
    if (!allocator)
        return Error(ErrorKind::invalid, "there is no allocator to make the default");
    if (!default_allocator())
        return no_memory();
    std::lock_guard guard(mutex_);
    Allocator* made = allocator.get();
    keep(std::move(allocator), nullptr);
    default_.store(made, std::memory_order_release);
    return {};
}

Error Registry::explain(std::string_view name) const {
    const std::string_view family = family_of(name);
    std::string others;
    for (const Record& record : records_) {
        if (record.name == name && record.why)
            return *record.why;
        if (record.family == family && !record.why && !record.withdrawn)
            others.append(others.empty() ? "" : ", ").append(record.name);
    }
    for (const Record& record : records_)
        if (record.why && (record.name == family || std::find(record.aliases.begin(), record.aliases.end(),
                                                              name) != record.aliases.end()))
            return *record.why;
    Error error(ErrorKind::unavailable, "no such allocator");
    std::string what = "no allocator is called \"" + std::string(name) + "\"";
    error = std::move(error).doing(what).remedy(others.empty() ? "`hwalloc list` shows what there is"
                                                               : "of this family there is: " + others);
    // Nobody can tell which names a module would have brought.
    for (const Record& record : records_)
        if (record.backend == refused_module && record.why)
            error = std::move(error).because(*record.why);
    return error;
}

Result<Allocator*> Registry::resolve(std::string_view name) noexcept {
    Allocator* known = name.empty() ? default_allocator() : find(name);
    if (known)
        return known;
    if (name.empty())
        return no_memory();
    std::lock_guard guard(mutex_);
    return without_throwing([&]() -> Result<Allocator*> {
        const std::string_view family = family_of(name);
        struct Wanted { // for this scan alone, however it ends
            Wanted(std::string_view& place, std::string_view name) noexcept : place_(place) { place_ = name; }
            ~Wanted() { place_ = {}; }
            std::string_view& place_;
        } const wanted(wanted_, name);
        load_and_scan(&family);
        if (Allocator* found = names_.bound(name))
            return found;
        return explain(name);
    });
}

Result<std::vector<InventoryItem>> Registry::inventory(InventoryScan scan) {
    std::vector<InventoryItem> items;
    (void)default_allocator();
    {
        std::lock_guard guard(mutex_);
        if (scan == InventoryScan::full)
            load_and_scan(nullptr);
        const Allocator* preferred = default_.load(std::memory_order_relaxed);
        for (const Record& record : records_) {
            if (record.withdrawn)
                continue;
            Allocator* allocator = names_.bound(record.name);
            items.push_back({record.name, record.family, record.backend,
                             record.why ? std::vector<std::string>() : record.aliases, allocator, record.why,
                             allocator && allocator == preferred});
        }
        if (scan == InventoryScan::quick) {
            list_unloaded_companions(items);
            return items;
        }
    }
    // Outside the lock: this opens device nodes.
    for (InventoryItem& item : items)
        if (item.allocator)
            if (auto* describes = item.allocator->extension<Describes>())
                if (auto ready = describes->available(); !ready)
                    item.why = std::move(ready).error();
    return items;
}

void Registry::list_unloaded_companions(std::vector<InventoryItem>& items) const {
    for (const Companion* companion = companions; companion->families; ++companion) {
        if (std::find(loaded_.begin(), loaded_.end(), companion) != loaded_.end())
            continue;
        for_each_family(companion->families, [&](std::string_view family) {
            if (std::none_of(items.begin(), items.end(),
                             [&](const InventoryItem& item) { return item.name == family; }))
                items.push_back(
                    {std::string(family),
                     std::string(family),
                     companion->soname,
                     {},
                     nullptr,
                     Error(ErrorKind::unavailable,
                           "not looked for: its library is not loaded, and a quick scan loads none"),
                     false});
        });
    }
}

// ---- the public face

Allocator* Allocator::find(std::string_view name) noexcept {
    return Registry::instance().find(name);
}
Allocator* Allocator::find() noexcept {
    return Registry::instance().default_allocator();
}
Result<Allocator*> Allocator::resolve(std::string_view name) noexcept {
    return Registry::instance().resolve(name);
}
Result<void> Allocator::register_allocator(std::string_view name, AllocatorRef allocator) noexcept {
    return Registry::instance().add_by_application(name, std::move(allocator));
}
Result<void> Allocator::unregister(std::string_view name) noexcept {
    return Registry::instance().remove(name);
}
Result<void> Allocator::set_default(AllocatorRef allocator) noexcept {
    return Registry::instance().set_default(std::move(allocator));
}

Result<std::vector<InventoryItem>> inventory(InventoryScan scan) noexcept {
    return without_throwing([&] { return Registry::instance().inventory(scan); });
}
std::string_view version() noexcept {
    return HWALLOC_VERSION;
}

} // namespace hwalloc
