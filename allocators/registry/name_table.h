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
struct NameRecord;

// A name that was used once: it lives for ever, and is the same object for the same text.
struct Name {
    NameKey key;
    std::atomic<Allocator*> allocator{nullptr}; // what it is bound to, or null
    // For the thread that writes: what is known of the name, and whose alias it is (record.h).
    NameRecord* record = nullptr;
    NameRecord* alias_of = nullptr;

    // The text follows the object and ends with a zero.
    const char* c_str() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    std::string_view text() const noexcept { return {c_str(), key.length}; }

    Allocator* bound() const noexcept { return allocator.load(std::memory_order_relaxed); }
    void bind(Allocator* to) noexcept { allocator.store(to, std::memory_order_release); }
};

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
        return find_if(table, key, [](const Name&) { return true; });
    }

    // For the thread that writes, before publishing too: the name if it was ever used, or null.
    Name* known(std::string_view name) const noexcept;
    // The name, made where it is new. Throws bad_alloc; not empty.
    Name& intern(std::string_view name);
    // Shows the table to find(). Something must have been bound.
    void publish() noexcept { table_.store(growing_, std::memory_order_release); }

private:
    struct Table {
        std::uint64_t mask;
        unsigned shift; // of a hash, that leaves the number of a slot
        std::size_t used;
        Table* previous; // keeps replaced tables reachable: a reader may still be in one
        // mask + 1 slots follow the table; at least half of them are empty.
        std::atomic<Name*>* slots() noexcept { return reinterpret_cast<std::atomic<Name*>*>(this + 1); }
        const std::atomic<Name*>* slots() const noexcept {
            return reinterpret_cast<const std::atomic<Name*>*>(this + 1);
        }
    };

    // What the name is bound to that has this key and is `right`.
    template<class Right>
    static Allocator* find_if(const Table& table, const NameKey& key, const Right& right) noexcept {
        for (std::uint64_t at = key.hash() >> table.shift;; at = (at + 1) & table.mask) {
            const Name* name = table.slots()[at].load(std::memory_order_acquire);
            if (!name)
                return nullptr;
            if (name->key == key && right(*name))
                return name->allocator.load(std::memory_order_acquire);
        }
    }
    // For names that are no whole keys: long ones and the empty one.
    static Allocator* find_long(const Table& table, std::string_view name) noexcept;
    static std::atomic<Name*>& slot_for(Table& table, const NameKey& key, const char* text) noexcept;
    void grow();

    std::atomic<Table*> table_{nullptr};
    Table* growing_ = nullptr; // the table that is written: the published one, once there is one
};

} // namespace hwalloc
