// Names to allocators, for readers that take no lock: names are interned for ever, and the table is replaced
// as a whole when it grows, while replaced ones stay reachable.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "allocators/registry/name_key.h"

namespace hwalloc {

class Allocator;

// Thread-safety: find() may run at any time in any thread; the other functions by one thread at a time.
class NameTable {
    struct Table;

public:
    constexpr NameTable() noexcept = default;

    // What find() reads; null before publish().
    const Table* published() const noexcept { return table_.load(std::memory_order_acquire); }
    // What `name` is bound to, or null. Compares words, and leaves names that do not fit into two of them to
    // a function of its own: so this one calls nothing and keeps no frame.
    static Allocator* find(const Table& table, std::string_view name) noexcept {
        if (!NameKey::is_whole(name.size())) [[unlikely]]
            return find_long(table, name);
        const NameKey key = NameKey::of_whole(name);
        return find_if(table, key, [](const Entry&) { return true; });
    }

    // The same for the thread that writes, before publishing too.
    Allocator* bound(std::string_view name) const noexcept {
        return growing_ ? find(*growing_, name) : nullptr;
    }
    // The name's text in the table, which lives for ever and ends with a zero. Throws bad_alloc; not empty.
    const char* intern(std::string_view name) { return entry_of(name)->text(); }
    // Binds a name to an allocator, or to nothing. Throws bad_alloc where the name is new; not empty.
    void bind(std::string_view name, Allocator* allocator) {
        entry_of(name)->allocator.store(allocator, std::memory_order_release);
    }
    // Binds a name that has been bound before to something else, or to nothing.
    void rebind(std::string_view name, Allocator* allocator) noexcept {
        entry_of(name)->allocator.store(allocator, std::memory_order_release);
    }
    // Shows the table to find(). Something must have been bound.
    void publish() noexcept { table_.store(growing_, std::memory_order_release); }

private:
    struct Entry {
        NameKey key;
        std::atomic<Allocator*> allocator;
        // The name follows the entry and ends with a zero.
        const char* text() const noexcept { return reinterpret_cast<const char*>(this + 1); }
        bool has_text(std::string_view name) const noexcept {
            return std::memcmp(text(), name.data(), name.size()) == 0;
        }
    };
    struct Table {
        std::uint64_t mask;
        unsigned shift; // of a hash, that leaves the number of a slot
        std::size_t used;
        Table* previous; // keeps replaced tables reachable: a reader may still be in one
        // mask + 1 slots follow the table; at least half of them are empty.
        std::atomic<Entry*>* slots() noexcept { return reinterpret_cast<std::atomic<Entry*>*>(this + 1); }
        const std::atomic<Entry*>* slots() const noexcept {
            return reinterpret_cast<const std::atomic<Entry*>*>(this + 1);
        }
    };

    // What the entry is bound to that has this key and is `right`.
    template<class Right>
    static Allocator* find_if(const Table& table, const NameKey& key, const Right& right) noexcept {
        for (std::uint64_t at = key.hash() >> table.shift;; at = (at + 1) & table.mask) {
            const Entry* entry = table.slots()[at].load(std::memory_order_acquire);
            if (!entry)
                return nullptr;
            if (entry->key == key && right(*entry))
                return entry->allocator.load(std::memory_order_acquire);
        }
    }
    // For names that are no whole keys: long ones and the empty one.
    static Allocator* find_long(const Table& table, std::string_view name) noexcept;
    static std::atomic<Entry*>& slot_for(Table& table, const NameKey& key, const char* text) noexcept;
    Entry* entry_of(std::string_view name);
    void grow();

    std::atomic<Table*> table_{nullptr};
    Table* growing_ = nullptr; // the table that is written: the published one, once there is one
};

} // namespace hwalloc
