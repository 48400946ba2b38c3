#include "allocators/registry.h"

#include <algorithm>
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
    BackendHost host(*this, backend);
    if (auto found = backend.discover(host); !found)
        for_each_family(backend.families,
                        [&](std::string_view family) { note_unavailable(backend, family, found.error()); });
}

void Registry::load_and_scan(const std::string_view* family) {
    // Reasons are told anew by every scan, but not those of loading: what was refused is not loaded again.
    std::erase_if(records_, [&](const Record& record) {
        return record.why && !record.load_failed && !names_.bound(record.name);
    });
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
    return registry_.has(name);
}
Result<void> BackendHost::add(std::string_view name, AllocatorRef allocator,
                              std::initializer_list<std::string_view> aliases) noexcept {
    return without_throwing(
        [&] { return registry_.add_by_backend(backend_, name, std::move(allocator), aliases); });
}
void BackendHost::unavailable(std::string_view name, Error why) noexcept {
    try {
        registry_.note_unavailable(backend_, name, std::move(why));
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

Registry::Record& Registry::record_of(std::string_view name, std::string_view family,
                                      std::string_view backend) {
    for (Record& record : records_)
        if (record.name == name)
            return record;
    return records_.emplace_back(
        Record{std::string(name), std::string(family), std::string(backend), {}, std::nullopt});
}

Result<void> Registry::add_by_backend(const Backend& backend, std::string_view name, AllocatorRef allocator,
                                      std::initializer_list<std::string_view> aliases) {
    if (name.empty())
        return empty_name();
    if (!allocator)
        return no_allocator();
    if (has(name))
        return Error(ErrorKind::conflict, "the name is taken, or the application took it out");
    const char* text = names_.intern(name);
    Record& record = record_of(name, allocator->mem_type(), backend.name);
    record.family = allocator->mem_type();
    record.why.reset();
    // An alias that the application gave to another allocator, or took out, stays as it is.
    std::vector<std::string_view> granted;
    for (std::string_view alias : aliases)
        if (!alias.empty() && std::none_of(records_.begin(), records_.end(), [&](const Record& one) {
                return one.name == alias && (one.withdrawn || one.backend == "application");
            }))
            granted.push_back(alias);
    for (std::string_view alias : granted) {
        forget_alias(alias);
        record.aliases.emplace_back(alias);
    }
    Allocator* made = allocator.get();
    keep(std::move(allocator), text);
    names_.bind(name, made);
    for (std::string_view alias : granted)
        names_.bind(alias, made);
    return {};
}

void Registry::note_unavailable(const Backend& backend, std::string_view name, Error why) {
    if (!has(name))
        record_of(name, family_of(name), backend.name).why = std::move(why);
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
        Record& record = record_of(name, allocator->mem_type(), "application");
        record.family = allocator->mem_type();
        record.backend = "application";
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
        Record& record = record_of(name, family_of(name), "application");
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
        if (record.name == family && record.why)
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
            items.push_back({record.name, record.family, record.backend, record.aliases, allocator,
                             record.why, allocator && allocator == preferred});
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
