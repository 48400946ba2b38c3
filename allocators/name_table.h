// Names to allocators, for readers that take no lock: names are interned for ever, and the table is replaced
// as a whole when it grows, while replaced ones stay reachable.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "allocators/names.h"

namespace hwalloc {

class Allocator;

// Thread-safety: find() may run at any time in any thread; the other functions by one thread at a time. A
// table that was not published yet is empty for find().
class NameTable {
public:
    constexpr NameTable() noexcept = default;

    bool published() const noexcept { return table_.load(std::memory_order_acquire) != nullptr; }
    // What `name` is bound to, or null. Only when published() has been true in this thread.
    Allocator* find(std::string_view name) const noexcept {
        return name.empty() ? nullptr : find_in(*table_.load(std::memory_order_acquire), name);
    }

    // The same for the thread that writes, before publishing too.
    Allocator* bound(std::string_view name) const noexcept {
        return growing_ && !name.empty() ? find_in(*growing_, name) : nullptr;
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
        std::uint64_t hash;
        std::size_t length;
        std::atomic<Allocator*> allocator;
        // The name follows the entry and ends with a zero.
        const char* text() const noexcept { return reinterpret_cast<const char*>(this + 1); }
        bool is(std::uint64_t other_hash, std::string_view name) const noexcept {
            return hash == other_hash && length == name.size() && same_name(text(), name);
        }
    };
    struct Table {
        std::uint64_t mask;
        std::size_t used;
        Table* previous; // keeps replaced tables reachable: a reader may still be in one
        // mask + 1 slots follow the table; at least half of them are empty.
        std::atomic<Entry*>* slots() noexcept { return reinterpret_cast<std::atomic<Entry*>*>(this + 1); }
        const std::atomic<Entry*>* slots() const noexcept {
            return reinterpret_cast<const std::atomic<Entry*>*>(this + 1);
        }
    };

    static Allocator* find_in(const Table& table, std::string_view name) noexcept {
        const std::uint64_t hash = hash_name(name);
        for (std::uint64_t at = hash & table.mask;; at = (at + 1) & table.mask) {
            const Entry* entry = table.slots()[at].load(std::memory_order_acquire);
            if (!entry)
                return nullptr;
            if (entry->is(hash, name))
                return entry->allocator.load(std::memory_order_acquire);
        }
    }
    static std::atomic<Entry*>& slot_for(Table& table, std::uint64_t hash, std::string_view name) noexcept;
    Entry* entry_of(std::string_view name);
    void grow();

    std::atomic<Table*> table_{nullptr};
    Table* growing_ = nullptr; // the table that is written: the published one, once there is one
};

} // namespace hwalloc
