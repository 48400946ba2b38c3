#include "allocators/registry/name_table.h"

#include <cstdlib>
#include <new>

namespace hwalloc {

Allocator* NameTable::find_long(const Table& table, std::string_view name) noexcept {
    if (name.empty())
        return nullptr;
    return find_if(table, NameKey::of_long(name), [&](const Entry& entry) { return entry.has_text(name); });
}

// The slot that holds the name with this key and text, or the empty one where it belongs.
std::atomic<NameTable::Entry*>& NameTable::slot_for(Table& table, const NameKey& key,
                                                    const char* text) noexcept {
    for (std::uint64_t at = key.hash() >> table.shift;; at = (at + 1) & table.mask) {
        const Entry* entry = table.slots()[at].load(std::memory_order_relaxed);
        if (!entry || (entry->key == key && entry->has_text({text, key.length})))
            return table.slots()[at];
    }
}

void NameTable::grow() {
    const std::size_t slots = growing_ ? (static_cast<std::size_t>(growing_->mask) + 1) * 2 : 64;
    auto* grown = static_cast<Table*>(std::calloc(1, sizeof(Table) + slots * sizeof(std::atomic<Entry*>)));
    if (!grown)
        throw std::bad_alloc();
    grown->mask = slots - 1;
    grown->shift = growing_ ? growing_->shift - 1 : 64 - 6;
    grown->previous = growing_;
    if (growing_) {
        grown->used = growing_->used;
        for (std::uint64_t i = 0; i <= growing_->mask; ++i)
            if (Entry* entry = growing_->slots()[i].load(std::memory_order_relaxed))
                slot_for(*grown, entry->key, entry->text()).store(entry, std::memory_order_relaxed);
    }
    growing_ = grown;
    if (published())
        publish();
}

NameTable::Entry* NameTable::entry_of(std::string_view name) {
    const NameKey key = NameKey::of(name);
    if (growing_)
        if (Entry* known = slot_for(*growing_, key, name.data()).load(std::memory_order_relaxed))
            return known;
    // At most half full, so that a look-up of an unknown name ends soon.
    if (!growing_ || growing_->used * 2 >= growing_->mask)
        grow();
    auto* entry = static_cast<Entry*>(std::malloc(sizeof(Entry) + name.size() + 1));
    if (!entry)
        throw std::bad_alloc();
    new (entry) Entry{key, nullptr};
    char* text = reinterpret_cast<char*>(entry + 1);
    std::memcpy(text, name.data(), name.size());
    text[name.size()] = 0;
    slot_for(*growing_, key, name.data()).store(entry, std::memory_order_release);
    ++growing_->used;
    return entry;
}

} // namespace hwalloc
