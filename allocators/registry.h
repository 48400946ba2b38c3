// The registry: which allocators there are, under which names, and which are missing and why. Looking up
// takes no lock (NameTable) and counts no reference: allocators that were registered live for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/name_table.h"
#include "hwalloc/allocator.h"
#include "hwalloc/backend.h"
#include "hwalloc/inventory.h"

namespace hwalloc {

class Registry {
public:
    constexpr Registry() noexcept = default;
    static Registry& instance() noexcept;

    Allocator* find(std::string_view name) noexcept {
        if (!names_.published() && !start()) [[unlikely]]
            return nullptr;
        return names_.find(name);
    }
    Allocator* default_allocator() noexcept {
        Allocator* allocator = default_.load(std::memory_order_acquire);
        if (!allocator) [[unlikely]] {
            (void)start();
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
    Record& record_of(std::string_view name, std::string_view family, std::string_view backend);
    void forget_alias(std::string_view name);
    void keep(AllocatorRef allocator, const char* name) noexcept;
    Error explain(std::string_view name) const;

    // Brings the built-in backends in, once. False when there was no memory for it: the next look-up tries
    // again.
    bool start() noexcept;

    NameTable names_;
    std::atomic<Allocator*> default_{nullptr};
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
