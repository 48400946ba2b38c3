// The registry as applications see it.
#include "allocators/registry/registry.h"

#include "allocators/registry/errors.h"
#include "allocators/registry/words.h"
#include "common/immortal.h"
#include "common/udev.h"
#include "common/without_exceptions.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {

using namespace registry_errors;

namespace {

// Never destroyed: allocators outlive every other static object.
HWALLOC_IMMORTAL(Registry, the_registry);

InForkedChild in_child([]() noexcept { the_registry->forget_other_threads(); });

} // namespace

Registry& Registry::instance() noexcept {
    return *the_registry;
}

Allocator* Registry::find_first(std::string_view name) noexcept {
    start();
    const std::lock_guard guard(mutex_);
    const Name* known = names_.known(name);
    return known ? known->bound() : nullptr;
}

// The reference is never given back: look-ups count nothing because of that.
void Registry::keep(Allocator& kept, const char* name) noexcept {
    const char* unnamed = kept.name_.load(std::memory_order_relaxed);
    if (name && *unnamed == 0)
        kept.name_.store(name, std::memory_order_release);
    if (!kept.immortal_.load(std::memory_order_relaxed)) {
        kept.ref();
        kept.next_kept_ = std::exchange(kept_, &kept); // reachable, so that no leak checker reports it
        kept.immortal_.store(true, std::memory_order_relaxed);
    }
}

Result<void> Registry::add_by_application(std::string_view name, AllocatorRef allocator) noexcept {
    if (auto sound = check_name(name); !sound)
        return sound;
    if (!allocator)
        return no_allocator();
    if (!default_allocator())
        return no_memory();
    const std::lock_guard guard(mutex_);
    return without_exceptions(registry_shortage, [&]() -> Result<void> {
        std::string family(allocator->mem_type()), backend(application);
        Name& text = names_.intern(name);
        NameRecord& record = record_of(text, family, backend);
        forget_alias(text);
        record.family = std::move(family);
        record.backend = std::move(backend);
        record.why.reset();
        record.load_failed = record.withdrawn = false;
        keep(*allocator, text.c_str());
        text.bind(allocator.get());
        changed();
        return {};
    });
}

Result<void> Registry::remove(std::string_view name) noexcept {
    if (auto sound = check_name(name); !sound)
        return sound;
    if (!default_allocator())
        return no_memory();
    const std::lock_guard guard(mutex_);
    Name* text = names_.known(name);
    if (!text || !text->bound())
        return name_unknown();
    return without_exceptions(registry_shortage, [&]() -> Result<void> {
        record_of(*text, family_of(name), application).withdrawn = true;
        forget_alias(*text);
        text->bind(nullptr);
        changed();
        return {};
    });
}

Result<void> Registry::set_default(AllocatorRef allocator) noexcept {
    if (!allocator)
        return Error(ErrorKind::invalid, "there is no allocator to make the default");
    if (!default_allocator())
        return no_memory();
    const std::uint64_t now = last_event();
    const std::lock_guard guard(mutex_);
    keep(*allocator, nullptr);
    default_chosen_at_ = now;
    default_.store(allocator.get(), std::memory_order_release);
    return {};
}

Result<Allocator*> Registry::resolve(std::string_view name) noexcept {
    Allocator* known = name.empty() ? default_allocator() : find(name);
    if (known)
        return known;
    if (name.empty())
        return no_memory();
    if (auto sound = check_name(name); !sound)
        return std::move(sound).error();
    return without_exceptions(registry_shortage, [&]() -> Result<Allocator*> {
        const std::string_view family = family_of(name);
        const MissingNames missing = load_and_scan(&family, name);
        if (Allocator* found = find(name))
            return found;
        return explain(name, missing);
    });
}

Result<std::vector<InventoryItem>> Registry::inventory(InventoryScan scan) {
    std::vector<InventoryItem> items;
    (void)default_allocator();
    if (scan == InventoryScan::full)
        (void)load_and_scan(nullptr, {});
    {
        const std::lock_guard guard(mutex_);
        const Allocator* preferred = default_.load(std::memory_order_relaxed);
        for (const auto& record : records_) {
            if (record->withdrawn)
                continue;
            Allocator* allocator = record->name.bound();
            InventoryItem& item = items.emplace_back();
            item.name = record->name.text();
            item.family = record->family;
            item.backend = record->backend;
            if (allocator)
                for (const Name* alias : record->aliases)
                    item.aliases.emplace_back(alias->text());
            item.allocator = allocator;
            item.why = record->why;
            item.is_default = allocator && allocator == preferred;
        }
        if (scan == InventoryScan::quick)
            list_unloaded_companions(items);
    }
    // Without the lock: this opens device nodes, and asks foreign code.
    if (scan == InventoryScan::full)
        for (InventoryItem& item : items)
            if (item.allocator)
                if (auto* describes = item.allocator->extension<Describes>())
                    if (auto ready = describes->available(); !ready)
                        item.why = std::move(ready).error();
    return items;
}

void Registry::list_unloaded_companions(std::vector<InventoryItem>& items) {
    for (const Companion* companion = companions; companion->families; ++companion) {
        if (std::find(companions_in_process_.begin(), companions_in_process_.end(), companion) !=
            companions_in_process_.end())
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

void Registry::forget_other_threads() noexcept {
    const std::lock_guard guard(mutex_);
    const pthread_t self = ::pthread_self();
    for (Running** at = &running_; *at;)
        if ((*at)->thread == self)
            at = &(*at)->next;
        else
            *at = (*at)->next;
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
    return without_exceptions(registry_shortage, [&] { return Registry::instance().inventory(scan); });
}
std::string_view version() noexcept {
    return HWALLOC_VERSION;
}

} // namespace hwalloc
