// How a backend enters the library: one versioned data symbol. The same description serves backends built
// into libhwalloc (a table made by CMake) and modules found in a directory; see docs/adding-a-backend.md.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "hwalloc/allocator.h"
#include "hwalloc/export.h"

namespace hwalloc {

// The interface version a backend was compiled against. A module with another tag is refused, both tags
// named.
#define HWALLOC_BACKEND_ABI "hwalloc-0.1"

// What a backend's discover function talks to. Valid during that call only.
class HWALLOC_API BackendHost {
public:
    // True when `name` is registered already, or the application took it out: there is nothing to add then.
    // Asking for a name of its own is how a backend says that it is there: a name whose device had gone is
    // bound again, to the allocator that it had.
    bool has(std::string_view name) const noexcept;
    // The same, and `name` has these aliases from now on: for a device that can be another one by now. An
    // alias that belongs to another allocator moves, an empty one is left out. True: there is nothing to add.
    bool present(std::string_view name, std::initializer_list<std::string_view> aliases = {}) noexcept;
    // Registers `allocator` as `name` (family/instance) and under its `aliases`. A name that exists, or had
    // gone, keeps the allocator it has, and the error is conflict; an alias that exists moves, an empty one
    // is left out.
    // Errors: invalid, conflict, exhausted.
    Result<void> add(std::string_view name, AllocatorRef allocator,
                     std::initializer_list<std::string_view> aliases = {}) noexcept;
    // The name that resolve() found nobody under and scans for; empty in every other scan. Valid during the
    // call of discover only.
    std::string_view wanted() const noexcept;
    // Another way to say `name`, for good: for what wanted() means by it. Errors: invalid (an empty alias),
    // unavailable (there is no `name`, or the application took it out), conflict (the alias is a name itself,
    // or the application took it out), exhausted.
    Result<void> alias(std::string_view alias, std::string_view name) noexcept;
    // Tells people why `name` cannot be had: shown by inventory() and by resolve(name).
    void unavailable(std::string_view name, Error why) noexcept;

    BackendHost(const BackendHost&) = delete;
    BackendHost& operator=(const BackendHost&) = delete;

private:
    friend class Registry;
    BackendHost(class Registry& registry, const struct Backend& backend) noexcept
        : registry_(registry), backend_(backend) {}
    Registry& registry_;
    const Backend& backend_;
};

// One backend. The first two members never move, so that any version can read them.
struct Backend {
    std::uint32_t size = sizeof(Backend);
    char abi[28] = HWALLOC_BACKEND_ABI;
    const char* name;     // "dma_heap": the folder or module
    const char* families; // the mem_types it makes, separated by spaces: "dma-heap"
    // Lists what is there and registers it; opens no device. Runs under the registry's lock: it may call
    // `host`, and must not call find(), resolve(), register_allocator(), inventory() or alloc(). Called at
    // first use of the library (or when the module is loaded), and again on every rescan. Each call tells all
    // that there is: a name of this backend that is neither added nor asked for has gone, and is found no
    // more until it is told again; its allocator is kept, and must cope with a device that comes back. A
    // failure (a directory that cannot be read now) says nothing about what has gone; it is shown by
    // inventory() under the families' names.
    Result<void> (*discover)(BackendHost& host) noexcept;
};

} // namespace hwalloc

// Defines a module's symbol: HWALLOC_BACKEND_MODULE("mine", "mine", discover);
#define HWALLOC_BACKEND_MODULE(name_, families_, discover_)                                                  \
    extern "C" __attribute__((visibility("default"))) const ::hwalloc::Backend hwalloc_backend_v1 = {        \
        sizeof(::hwalloc::Backend), HWALLOC_BACKEND_ABI, name_, families_, discover_}
