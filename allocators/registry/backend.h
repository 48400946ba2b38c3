// How a backend enters the library: one versioned data symbol. The same description serves backends built
// into libhwalloc (a table made by CMake) and modules found in a directory; see docs/adding-a-backend.md.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "hwalloc/allocator.h"
#include "hwalloc/export.h"

namespace hwalloc {

// The interface that a backend was compiled against: the release that it came with, and how often it has
// changed on the way there. A module with another tag is refused, both tags named. Every change to what
// modules are compiled against raises it (docs/adding-a-backend.md).
#define HWALLOC_BACKEND_ABI "hwalloc-0.1/5"

// What a backend's discover function talks to: it says which devices are there. Valid during that call only,
// and for the thread that was called.
class HWALLOC_API BackendHost {
public:
    // Whether there is nothing to add under `name`: find() gives an allocator for it, this call of discover
    // has added it, or the application took it out. A question, which changes nothing.
    bool knows(std::string_view name) const noexcept;
    // Says that the device of `name` is there, and that these are its aliases from now on: one that belongs
    // to another allocator moves, an empty one is left out. A name whose device had gone is bound again, to
    // the allocator that it had. True: there is nothing to add; also for a name that is not this backend's.
    bool still_here(std::string_view name, std::initializer_list<std::string_view> aliases) noexcept;
    // Registers `allocator` as `name` (family/instance) and under its `aliases`, which are as those of
    // still_here(). A name that exists, or had gone, keeps the allocator it has, and the error is conflict.
    // Errors: invalid (an empty name or one with a zero byte, no allocator), conflict, exhausted.
    Result<void> add(std::string_view name, AllocatorRef allocator,
                     std::initializer_list<std::string_view> aliases = {}) noexcept;
    // The name that resolve() found nobody under and scans for; empty in every other scan. Valid during the
    // call of discover only.
    std::string_view wanted() const noexcept HWALLOC_LIFETIMEBOUND;
    // Another way to say `name`, for good, whatever still_here() says: for what wanted() means by it. Errors:
    // invalid (an empty alias), unavailable (there is no `name`, or the application took it out), conflict
    // (the alias is a name itself, or the application took it out), exhausted.
    Result<void> alias(std::string_view alias, std::string_view name) noexcept;
    // Tells people why `name` cannot be had: shown by inventory() and by resolve(name).
    void unavailable(std::string_view name, Error why) noexcept;

    BackendHost(const BackendHost&) = delete;
    BackendHost& operator=(const BackendHost&) = delete;

private:
    friend class Registry;
    struct HWALLOC_LOCAL Discovery;
    explicit BackendHost(Discovery& discovery) noexcept : discovery_(discovery) {}
    Discovery& discovery_;
};

// One backend. The first two members never move, so that any version can read them.
struct Backend {
    std::uint32_t size = sizeof(Backend);
    char abi[28] = HWALLOC_BACKEND_ABI;
    const char* name;     // "dma_heap": the folder or module
    const char* families; // the mem_types it makes, separated by spaces: "dma-heap"
    // The subsystems of udev whose events say that its devices came or went, separated by spaces: "dma_heap".
    // Null or empty: there are none.
    const char* subsystems;
    // Lists what is there and registers it; opens no device. Called at first use of the library (or when the
    // module is loaded), and again on every rescan. Each call names all that is there: a name of this backend
    // that is neither added nor said to be still here has gone, and is found no more until it is named again;
    // its allocator is kept, and must cope with a device that comes back. A failure (a directory that cannot
    // be read now) says nothing about what has gone; it is shown by inventory() under the families' names.
    //
    // No lock of the library is held: the whole library may be used, where a look for devices leaves out the
    // backend that is being asked. Several threads may be in here at once. What a call says is entered when
    // it ends, as a whole, unless a call that began later was entered before: then it is dropped, and
    // allocators that it added are released.
    Result<void> (*discover)(BackendHost& host) noexcept;
};

} // namespace hwalloc

// Defines a module's symbol: HWALLOC_BACKEND_MODULE("mine", "mine", "mine_subsystem", discover);
#define HWALLOC_BACKEND_MODULE(name_, families_, subsystems_, discover_)                                     \
    extern "C" __attribute__((visibility("default"))) const ::hwalloc::Backend hwalloc_backend_v1 = {        \
        sizeof(::hwalloc::Backend), HWALLOC_BACKEND_ABI, name_, families_, subsystems_, discover_}
