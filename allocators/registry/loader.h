// Backends outside the library, as files: the companions by their sonames, modules from one directory fixed
// at build time, relative to the library unless it is absolute, then from those of HWALLOC_MODULE_PATH. No
// lock is held here, for loading runs foreign code.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hwalloc/backend.h"

namespace hwalloc {

// A library of this project that is not in the process until a name of one of its families is asked for. It
// describes itself as a module does.
struct Companion {
    const char* families; // separated by spaces
    const char* soname;   // the linker finds it: beside this library, or where the system has it
    const char* remedy;   // what helps when it cannot be loaded
};

// The companions of this library, made by CMake; ends with null families.
extern const Companion companions[];

struct Loaded {
    const Backend* backend = nullptr;        // null: it was refused, and
    std::optional<Error> why = std::nullopt; // this is why
    bool is_in_process = false; // whether it was refused or not; what is in the process stays there
};

Loaded load_companion(const Companion& companion);
Loaded load_module(const std::string& path);

// The modules that there are, and the directories (by HWALLOC_MODULE_PATH) and files that cannot be modules,
// with reasons. May throw std::bad_alloc.
struct ModuleFiles {
    std::vector<std::string> files;
    std::vector<std::pair<std::string, Error>> unusable;
};
ModuleFiles find_module_files();

} // namespace hwalloc
