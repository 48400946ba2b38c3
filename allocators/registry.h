// The registry: names to allocators. Looking up takes no lock: names are interned for ever in a table that is
// replaced as a whole when it grows, and allocators that were registered live for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/names.h"
#include "hwalloc/allocator.h"
#include "hwalloc/backend.h"
#include "hwalloc/inventory.h"

namespace hwalloc {

class Registry {
public:
    constexpr Registry() noexcept = default;
    static Registry& instance() noexcept;

    Allocator* find(std::string_view name) noexcept {
        const Table* table = table_.load(std::memory_order_acquire);
        if (!table) [[unlikely]]
            table = start();
        if (name.empty())
            return nullptr;
        const std::uint64_t hash = hash_name(name);
        for (std::uint64_t at = hash & table->mask;; at = (at + 1) & table->mask) {
            const Entry* entry = table->slots()[at].load(std::memory_order_acquire);
            if (!entry)
                return nullptr;
            if (entry->hash == hash && entry->length == name.size() &&
                same_name(entry->text(), name.data(), name.size()))
                return entry->allocator.load(std::memory_order_acquire);
        }
    }
    Allocator* default_allocator() noexcept {
        Allocator* allocator = default_.load(std::memory_order_acquire);
        if (!allocator) [[unlikely]] {
            start();
            allocator = default_.load(std::memory_order_acquire);
        }
        return allocator;
    }
    // The allocator that is the default until an application says otherwise.
    Allocator* built_in_default() noexcept {
        (void)default_allocator();
        return built_in_default_;
    }

    Result<Allocator*> resolve(std::string_view name) noexcept;
    Result<void> add_by_application(std::string_view name, AllocatorRef allocator) noexcept;
    Result<void> remove(std::string_view name) noexcept;
    Result<void> set_default(AllocatorRef allocator) noexcept;
    Result<std::vector<InventoryItem>> inventory();

    // For BackendHost.
    bool has(std::string_view name) noexcept;
    Result<void> add_by_backend(const Backend& backend, std::string_view name, AllocatorRef allocator,
                                std::initializer_list<std::string_view> aliases);
    void note_unavailable(const Backend& backend, std::string_view name, Error why);

private:
    struct Entry {
        std::uint64_t hash;
        std::size_t length;
        std::atomic<Allocator*> allocator;
        // The name follows the entry and ends with a zero.
        const char* text() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    };
    struct Table {
        std::uint64_t mask;
        std::size_t used;
        Table* previous; // keeps replaced tables reachable: a reader may still be in one
        // mask + 1 slots follow the table.
        std::atomic<Entry*>* slots() noexcept { return reinterpret_cast<std::atomic<Entry*>*>(this + 1); }
        const std::atomic<Entry*>* slots() const noexcept {
            return reinterpret_cast<const std::atomic<Entry*>*>(this + 1);
        }
    };
    // What inventory() shows beside the table.
    struct Record {
        std::string name, family, backend;
        std::vector<std::string> aliases;
        std::optional<Error> why;
        bool withdrawn = false; // by unregister()
    };

    // These need mutex_ held.
    void rescan();
    void load_new_modules();
    void run(const Backend& backend);
    Entry* intern(std::string_view name);
    void bind(std::string_view name, Allocator* allocator);
    Allocator* bound(std::string_view name) const noexcept;
    Record& record_of(std::string_view name, std::string_view family, std::string_view backend);
    void forget_alias(std::string_view name);
    void keep(AllocatorRef allocator, const char* name) noexcept;
    Error explain(std::string_view name) const;

    const Table* start() noexcept;

    std::atomic<Table*> table_{nullptr};
    std::atomic<Allocator*> default_{nullptr};
    Table* growing_ = nullptr; // the table that is written: not yet published while the library starts
    Allocator* built_in_default_ = nullptr;
    Allocator* kept_ = nullptr; // every allocator ever kept, replaced ones too
    std::mutex mutex_;
    std::vector<Record> records_;
    std::vector<const Backend*> modules_;
};

// The backends built into this library, made by CMake; ends with null. The first names the built-in default.
extern const Backend* const built_in_backends[];

// Loads the modules that are not loaded yet (allocators/loader.cpp). A module that is refused is reported to
// `refused`.
using ModuleSink = void (*)(const Backend* module, std::string_view path, const Error* refused, void* user);
void load_modules(ModuleSink sink, void* user);

} // namespace hwalloc
