// What `hwalloc doctor` looks at: one file for each part, which adds its checks to a list.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/inventory.h"
#include "tools/output.h"

namespace hwalloc::tools::diagnosis {

enum class Status {
    ok,
    warning, // it works, and something about it should be known or will be in the way
    failed,  // it does not work, though what it takes is there
    missing, // this machine, kernel or driver has none
    unknown, // it cannot be learnt here
};
const char* to_text(Status status);

struct Check {
    std::string id; // "allocator/dma-heap/system": the part's name, then what it is about
    Status status;
    std::string message;
    std::string remedy{};         // a line for a shell that mends it; empty where there is none
    std::optional<Error> error{}; // what the library said
    Json facts = nullptr;         // more for programs: an object whose members join the check's own
};

class Checks {
public:
    // "sudo" is left out of the remedy for somebody who is root.
    void add(Check check);
    // As the library tells it: message and remedy are the error's.
    void add(std::string id, Status status, const Error& error);

    const std::vector<Check>& list() const { return list_; }

private:
    std::vector<Check> list_;
};

// What several parts look at, looked at once.
class Machine {
public:
    // `ids`: what was asked for; empty: everything.
    explicit Machine(const std::vector<std::string>& ids) : ids_(ids) {}

    // Every allocator, asked whether it is available. Loads the Vulkan library and modules, unless only
    // allocators were asked for that are there without. Empty when memory is short.
    const std::vector<InventoryItem>& inventory() const;

private:
    bool is_enough(const std::vector<InventoryItem>& items) const;

    const std::vector<std::string>& ids_;
    mutable std::optional<std::vector<InventoryItem>> inventory_;
};

// The parts, by the name that the ids of their checks begin with.
struct Part {
    const char* name;
    const char* about;
    void (*look)(const Machine& machine, Checks& checks);
};
void look_at_kernel(const Machine& machine, Checks& checks);
void look_at_user(const Machine& machine, Checks& checks);
void look_at_udev(const Machine& machine, Checks& checks);
void look_at_allocators(const Machine& machine, Checks& checks);
void look_at_memory(const Machine& machine, Checks& checks);
void look_at_nodes(const Machine& machine, Checks& checks);
void look_at_cameras(const Machine& machine, Checks& checks);
void look_at_gpus(const Machine& machine, Checks& checks);
void look_at_limits(const Machine& machine, Checks& checks);

// ---- small things that several parts need

// Whether `id` is `other` or lies below it, by whole words.
bool is_below(std::string_view id, std::string_view other);
bool exists(const std::string& path);
// The names in a directory, sorted; empty when there is none.
std::vector<std::string> names_in(const std::string& directory);
// "root:video, mode 0640"; empty when there is no such node.
std::string ownership(const std::string& path);

} // namespace hwalloc::tools::diagnosis
