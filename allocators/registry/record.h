// What the registry knows of a name, beside what it is bound to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/registry/name_table.h"
#include "hwalloc/backend.h"

namespace hwalloc {

// In the place of a backend: what the application registered, and the path of a module or directory that
// cannot be used.
inline constexpr std::string_view application = "application", refused_module = "module";

// One row of inventory(). Guarded by the registry's lock.
struct NameRecord {
    Name& name;
    std::string family, backend;
    std::optional<Error> why;       // why it cannot be had
    std::uint64_t why_found_by = 0; // the call of discover that gave it; 0: it came from elsewhere
    bool load_failed = false;       // `why` comes from loading a library
    bool withdrawn = false;         // by unregister()

    // What a backend registered under the name, whoever has the name now.
    const Backend* maker = nullptr;
    Allocator* made = nullptr;
    std::vector<Name*> aliases;         // of `made`; bound as long as it is present
    std::vector<Name*> lasting_aliases; // those of them that its backend gave it for good
    bool present = false;               // as of the last call of discover that counted
    std::uint64_t listed_by = 0;        // the number of the last such call that named it
    std::uint64_t arrivals = 0;         // how often it has come
    // The kernel's numbers of events: the last before the look that found it, and that of its removal.
    std::uint64_t arrived_at = 0, removed_at = 0;

    NameRecord(Name& of, std::string_view its_family, std::string_view its_backend)
        : name(of), family(its_family), backend(its_backend) {}

    bool is_applications() const noexcept { return withdrawn || backend == application; }
    // Present, but the kernel has told since that the device went: what is there now is another one.
    bool was_exchanged() const noexcept { return present && removed_at > arrived_at; }
    // Nobody has the name by this record; it may be another's alias by now.
    bool is_only_a_reason() const noexcept { return why && !made && !is_applications(); }
};

} // namespace hwalloc
