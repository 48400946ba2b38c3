// The registry: which allocators there are, under which names, and which are missing and why. Looking up
// takes no lock (NameTable) and counts no reference: allocators that were registered live for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/registry/name_table.h"
#include "hwalloc/allocator.h"
#include "hwalloc/backend.h"
#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"

namespace hwalloc {

// A library of this project that is not in the process until a name of one of its families is asked for. It
// describes itself as a module does.
struct Companion {
    const char* families; // separated by spaces
    const char* soname;   // the linker finds it: beside this library, or where the system has it
    const char* remedy;   // what helps when it cannot be loaded
};

// A name that a backend says is there, for telling later what came and went.
struct Sighting {
    const char* name; // in the name table: the same pointer for the same name, for ever
    const char* node; // an alias of it that is a device node, kept like the name; null when it has none
    Allocator* allocator;
    std::uint64_t arrivals; // how often it has come
    bool found;             // find() gives the allocator: the application did not take the name
};

// That a node's device has gone, as the kernel counted it. Every monitor hears of it, at its own time.
struct Removal {
    std::string node;
    std::uint64_t number;
};

class Registry {
public:
    constexpr Registry() noexcept = default;
    static Registry& instance() noexcept;

    Allocator* find(std::string_view name) noexcept {
        const auto* names = names_.published();
        return names ? NameTable::find(*names, name) : find_first(name);
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

    // How often a name has been bound or let go of, by whomever: what was found out before may have changed.
    std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }

    Result<Allocator*> resolve(std::string_view name) noexcept;
    Result<void> add_by_application(std::string_view name, AllocatorRef allocator) noexcept;
    Result<void> remove(std::string_view name) noexcept;
    Result<void> set_default(AllocatorRef allocator) noexcept;
    Result<std::vector<InventoryItem>> inventory(InventoryScan scan);

    // ---- devices that come and go
    Result<DeviceMonitor> monitor(DeviceMonitor::Callbacks callbacks) noexcept;
    // Those whose events concern the backends that are loaded, each once. May throw std::bad_alloc.
    std::vector<std::string> subsystems();
    // Asks the backends that are loaded what there is now. `removed`: what is known to have gone, although
    // there may be others in their places by now; each counts once, whoever tells it again. May throw
    // std::bad_alloc.
    std::vector<Sighting> rescan(std::span<const Removal> removed = {});
    void close_idle_devices() noexcept;

    // For BackendHost.
    bool knows(std::string_view name) noexcept;
    bool still_here(const Backend& backend, std::string_view name,
                    std::initializer_list<std::string_view> aliases) noexcept;
    Result<void> add_by_backend(const Backend& backend, std::string_view name, AllocatorRef allocator,
                                std::initializer_list<std::string_view> aliases);
    Result<void> add_alias(std::string_view alias, std::string_view name);
    void note_unavailable(std::string_view name, Error why);
    std::string_view wanted() const noexcept { return wanted_; }

private:
    // What inventory() shows beside the table.
    struct Record {
        std::string name, family, backend;
        std::vector<std::string> aliases;         // of `made`; bound as long as it is present
        std::vector<std::string> lasting_aliases; // those of them that its backend gave it for good
        std::optional<Error> why;
        bool withdrawn = false;   // by unregister()
        bool load_failed = false; // `why` is told by loading, not by a scan

        // What a backend registered under the name, whoever has the name now.
        const Backend* maker = nullptr;
        Allocator* made = nullptr;
        bool present = false; // as of the last scan
        bool listed = false;  // by the scan that is running
        bool removed = false; // its device has gone: what is listed now is another arrival
        std::uint64_t arrivals = 0;

        bool applications() const noexcept;
    };

    // These need mutex_ held.
    // Loads the companions that bring `family` (null: all of them) and new modules, and asks every backend
    // what there is.
    void load_and_scan(const std::string_view* family);
    void load_companions(const std::string_view* family);
    void load_new_modules();
    void forget_reasons();
    void add_module(const Backend& module);
    void run(const Backend& backend);
    Record* find_record(std::string_view name) noexcept;
    Record& record_of(std::string_view name, std::string_view family, std::string_view backend);
    void forget_alias(std::string_view name);
    void arrive(Record& record) noexcept;
    void depart(Record& record) noexcept;
    void heed(const Removal& removal);
    void let_go_of_device(const Record& record) noexcept;
    void set_aliases(Record& record, std::span<const std::string_view> aliases);
    void keep(AllocatorRef allocator, const char* name) noexcept;
    Error explain(std::string_view name) const;
    void list_unloaded_companions(std::vector<InventoryItem>& items) const;

    // find() before anything is published.
    [[gnu::cold, gnu::noinline]] Allocator* find_first(std::string_view name) noexcept;
    // Brings the built-in backends in, once. False when there was no memory for it: the next look-up tries
    // again.
    bool start() noexcept;

    NameTable names_;
    std::atomic<Allocator*> default_{nullptr};
    std::atomic<std::uint64_t> changes_{0};
    void changed() noexcept { changes_.fetch_add(1, std::memory_order_acq_rel); }
    Allocator* built_in_default_ = nullptr;
    Allocator* kept_ = nullptr; // every allocator ever kept, replaced ones too
    std::mutex mutex_;
    std::vector<Record> records_;
    std::vector<std::pair<std::string, Error>> reasons_; // what the backend that runs says is missing
    std::vector<Removal> heeded_;                        // of each node the last
    std::vector<const Backend*> modules_;
    std::vector<const Companion*> loaded_; // be it to be refused
    std::string_view wanted_;              // by the resolve() that scans
};

// The backends built into this library, made by CMake; ends with null. The first names the built-in default.
extern const Backend* const built_in_backends[];

// The companions of this library, made by CMake; ends with null families.
extern const Companion companions[];

// Loads a companion. `*loaded`: it is in the process, be it to be refused (allocators/registry/loader.cpp).
Result<const Backend*> load_companion(const Companion& companion, bool* loaded);

// Loads the modules that are not loaded yet. A module that is refused is reported to `refused`.
using ModuleSink = void (*)(const Backend* module, std::string_view path, const Error* refused, void* user);
void load_modules(ModuleSink sink, void* user);

} // namespace hwalloc
