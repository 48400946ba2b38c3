#include "allocators/registry/name_table.h"

#include <cstdlib>
#include <new>

namespace hwalloc {

Allocator* NameTable::find_long(const Table& table, std::string_view name) noexcept {
    if (name.empty())
        return nullptr;
    return find_if(table, NameKey::of_long(name), [&](const Name& one) { return one.text() == name; });
}

// The slot that holds the name with this key and text, or the empty one where it belongs.
std::atomic<Name*>& NameTable::slot_for(Table& table, const NameKey& key, const char* text) noexcept {
    for (std::uint64_t at = key.hash() >> table.shift;; at = (at + 1) & table.mask) {
        const Name* name = table.slots()[at].load(std::memory_order_relaxed);
        if (!name || (name->key == key && name->text() == std::string_view(text, key.length)))
            return table.slots()[at];
    }
}

void NameTable::grow() {
    const std::size_t slots = growing_ ? (static_cast<std::size_t>(growing_->mask) + 1) * 2 : 64;
    auto* grown = static_cast<Table*>(std::calloc(1, sizeof(Table) + slots * sizeof(std::atomic<Name*>)));
    if (!grown)
        throw std::bad_alloc();
    grown->mask = slots - 1;
    grown->shift = growing_ ? growing_->shift - 1 : 64 - 6;
    grown->previous = growing_;
    if (growing_) {
        grown->used = growing_->used;
        for (std::uint64_t i = 0; i <= growing_->mask; ++i)
            if (Name* name = growing_->slots()[i].load(std::memory_order_relaxed))
                slot_for(*grown, name->key, name->c_str()).store(name, std::memory_order_relaxed);
    }
    growing_ = grown;
    if (published())
        publish();
}

Name* NameTable::known(std::string_view name) const noexcept {
    if (!growing_ || name.empty())
        return nullptr;
    return slot_for(*growing_, NameKey::of(name), name.data()).load(std::memory_order_relaxed);
}

Name& NameTable::intern(std::string_view name) {
    if (Name* old = known(name))
        return *old;
    // At most half full, so that a look-up of an unknown name ends soon.
    if (!growing_ || growing_->used * 2 >= growing_->mask)
        grow();
    void* place = std::malloc(sizeof(Name) + name.size() + 1);
    if (!place)
        throw std::bad_alloc();
    const NameKey key = NameKey::of(name);
    auto* fresh = new (place) Name{.key = key};
    char* text = static_cast<char*>(place) + sizeof(Name);
    std::memcpy(text, name.data(), name.size());
    text[name.size()] = 0;
    slot_for(*growing_, key, text).store(fresh, std::memory_order_release);
    ++growing_->used;
    return *fresh;
}

} // namespace hwalloc
