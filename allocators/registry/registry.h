// The registry: which allocators there are, under which names, and which are missing and why. Looking up
// takes no lock (NameTable) and counts no reference: allocators that were registered live for ever.
//
// mutex_ guards what is known, and is held for moments. No foreign code runs under it, and nobody waits for
// foreign code that another thread runs: loading a library and asking a backend are done by every thread that
// needs them, at the same time if need be, and what comes of it is entered afterwards. Otherwise a library's
// constructor that looks an allocator up, and so holds the linker's lock, could wait for a thread that waits
// for the linker.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/registry/discovery.h"
#include "allocators/registry/loader.h"
#include "allocators/registry/name_table.h"
#include "allocators/registry/record.h"
#include "common/fork_safe_mutex.h"
#include "hwalloc/allocator.h"
#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"

namespace hwalloc {

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
            start();
            allocator = default_.load(std::memory_order_acquire);
        }
        return allocator;
    }
    // The allocator that is the default until an application says otherwise.
    Allocator* built_in_default() noexcept {
        (void)default_allocator();
        return built_in_default_.load(std::memory_order_acquire);
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
    // there may be others in their places by now; each counts once, whoever tells it again, and not for what
    // was found after it. May throw std::bad_alloc.
    std::vector<Sighting> rescan(std::span<const Removal> removed = {});
    void close_idle_devices() noexcept;

    // ---- for BackendHost: what a name is to a backend
    struct Standing {
        bool own;           // it has registered it
        bool taken;         // nobody may add it
        bool withdrawn;     // the application took it out
        bool has_allocator; // it is the own name of one that find() gives
    };
    Standing standing(const Backend& backend, std::string_view name) noexcept;

    // In the child of fork(2), which has the thread that forked and no other: what others were doing in
    // foreign code will never end.
    void forget_other_threads() noexcept;

private:
    using Discovery = BackendHost::Discovery;

    // ---- registry.cpp
    void keep(Allocator& kept, const char* name) noexcept; // under mutex_
    void changed() noexcept { changes_.fetch_add(1, std::memory_order_acq_rel); }
    // find() before anything is published.
    [[gnu::cold, gnu::noinline]] Allocator* find_first(std::string_view name) noexcept;
    void list_unloaded_companions(std::vector<InventoryItem>& items);

    // ---- explain.cpp
    Error explain(std::string_view name, const MissingNames& missing);
    std::string names_like(std::string_view name);

    // ---- scan.cpp; without mutex_
    // Brings the built-in backends in. What there was no memory for is tried again by the next look-up.
    void start() noexcept;
    bool start_or_throw();
    // Loads the companions that bring `family` (null: all of them) and new modules, and asks every backend
    // what there is. `wanted` is the name that this is done for, if any.
    MissingNames load_and_scan(const std::string_view* family, std::string_view wanted);
    // All that are in the process: the built-in ones, then modules.
    std::vector<const Backend*> backends(std::size_t from = 0);
    // False when there was no memory for all that the backend said. What it said is missing is added to
    // `missing`, if given.
    bool ask(const Backend& backend, std::string_view wanted, MissingNames* missing);
    std::vector<Allocator*> open_devices(const Backend& backend);
    void note_removal(const Removal& removal) noexcept; // under mutex_
    std::uint64_t last_event() noexcept;

    // ---- loading.cpp
    void load_companions(const std::string_view* family); // without mutex_
    void load_new_modules();
    void add_module(const Backend& module); // the rest under it
    void note_load(std::string_view name, std::string_view family, std::string_view backend, Error why);
    void forget_loads(std::string_view backend, std::span<const std::string> but);

    // ---- records.cpp; under mutex_
    // Enters what a call of discover said. `found`: it did not fail. `open`: whose devices are open and
    // answer. What must close its device afterwards is added to `to_close`. False when memory was short.
    bool enter(Discovery& discovery, bool found, std::span<Allocator* const> open,
               std::vector<Allocator*>& to_close) noexcept;
    void enter_listed(Discovery& discovery, Discovery::Listed& listed, std::vector<Allocator*>& to_close);
    void enter_lasting_alias(const Discovery::LastingAlias& lasting);
    void enter_missing(Discovery& discovery, bool found);
    NameRecord& record_of(Name& name, std::string_view family, std::string_view backend);
    static bool is_taken(const Name& name) noexcept;
    static void forget_alias(Name& name) noexcept;
    void set_aliases(NameRecord& record, std::span<const std::string> aliases);
    void arrive(NameRecord& record, const Discovery& discovery, std::vector<Allocator*>& to_close) noexcept;
    void depart(NameRecord& record, std::vector<Allocator*>& to_close) noexcept;
    void let_go_of_device(const NameRecord& record, bool is_default_no_more,
                          std::vector<Allocator*>& to_close) noexcept;
    // Erases the records that are only a reason and that `is_obsolete`.
    template<class IsObsolete>
    void erase_reasons(const IsObsolete& is_obsolete) {
        std::erase_if(records_, [&](const std::unique_ptr<NameRecord>& record) {
            if (!record->is_only_a_reason() || !is_obsolete(*record))
                return false;
            record->name.record = nullptr;
            return true;
        });
    }

    // What a thread is doing in foreign code. Foreign code may call back: then the thread neither asks the
    // same backend again nor loads the same file again, for ever deeper.
    struct Running {
        pthread_t thread;
        const Backend* backend; // or
        std::string_view file;
        Running* next;
    };
    class RunsOnThisThread;

    struct Source {
        const Backend* backend;
        std::uint64_t newest = 0; // the number of the call of discover that counted last
    };

    NameTable names_;
    std::atomic<Allocator*> default_{nullptr}, built_in_default_{nullptr};
    std::atomic<std::uint64_t> changes_{0};
    ForkSafeMutex mutex_;       // guards what follows, and the writing of names_
    Allocator* kept_ = nullptr; // every allocator ever kept, replaced ones too
    std::vector<std::unique_ptr<NameRecord>> records_;
    std::vector<Source> sources_; // the built-in backends, then modules
    std::vector<const Companion*> companions_in_process_;
    std::vector<std::string> modules_in_process_; // their paths
    Running* running_ = nullptr;
    std::uint64_t runs_ = 0;              // of foreign code
    std::uint64_t newest_removal_ = 0;    // the highest number that was heard of
    std::uint64_t default_chosen_at_ = 0; // the kernel's last event before set_default()
};

// The backends built into this library, made by CMake; ends with null. The first names the built-in default.
extern const Backend* const built_in_backends[];

} // namespace hwalloc
