// The registry as applications see it.
#include "allocators/registry/registry.h"

#include <algorithm>

#include "allocators/registry/registry_words.h"
#include "common/immortal.h"
#include "common/without_exceptions.h"

namespace hwalloc {

using namespace registry_words;

namespace {

// Never destroyed: allocators outlive every other static object.
HWALLOC_IMMORTAL(Registry, the_registry);

} // namespace

Registry& Registry::instance() noexcept {
    return *the_registry;
}

Allocator* Registry::find_first(std::string_view name) noexcept {
    return start() ? NameTable::find(*names_.published(), name) : nullptr;
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

Result<void> Registry::add_by_application(std::string_view name, AllocatorRef allocator) noexcept {
    if (name.empty())
        return empty_name();
    if (!allocator)
        return no_allocator();
    if (!default_allocator())
        return no_memory();
    std::lock_guard guard(mutex_);
    return without_exceptions(shortage, [&]() -> Result<void> {
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
        changed();
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
    return without_exceptions(shortage, [&]() -> Result<void> {
        Record& record = record_of(name, family_of(name), application);
        record.withdrawn = true;
        changed();
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
    return without_exceptions(shortage, [&]() -> Result<Allocator*> {
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
        for_each_word(companion->families, [&](std::string_view family) {
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

RawResult detail::make_by_default(std::size_t size, const AllocationParams& params) noexcept {
    Allocator* allocator = Registry::instance().default_allocator();
    if (!allocator) [[unlikely]]
        return no_memory();
    return allocator->make(size, params);
}

Result<MemoryRef> new_wrapped(MemoryFlags flags, void* data, std::size_t maxsize, std::size_t offset,
                              std::size_t size, void* user_data, Notify notify) noexcept {
    Allocator* allocator = Registry::instance().built_in_default();
    auto* wraps = allocator ? allocator->extension<WrapsHostMemory>() : nullptr;
    if (!wraps)
        return Error(ErrorKind::unsupported, "the built-in default allocator cannot wrap memory");
    return wraps->wrap(flags, data, maxsize, offset, size, user_data, notify);
}

Result<std::vector<InventoryItem>> inventory(InventoryScan scan) noexcept {
    return without_exceptions(shortage, [&] { return Registry::instance().inventory(scan); });
}
std::string_view version() noexcept {
    return HWALLOC_VERSION;
}

} // namespace hwalloc
