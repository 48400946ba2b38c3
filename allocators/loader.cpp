// Finds backends outside the library: one directory fixed at build time, then those of HWALLOC_MODULE_PATH.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "common/directory.h"
#include "common/kernel.h"

namespace hwalloc {
namespace {

std::string_view tag_of(const Backend& module) noexcept {
    return {module.abi, strnlen(module.abi, sizeof module.abi)};
}

std::vector<std::string> module_files() {
    std::vector<std::string> directories{HWALLOC_MODULE_DIR};
    // Null in a process that runs with more privilege than its caller (man 3 secure_getenv): what the caller
    // says must not choose the code that runs there.
    if (const char* path = secure_getenv("HWALLOC_MODULE_PATH")) {
        std::string_view rest = path;
        while (!rest.empty()) {
            const auto one = rest.substr(0, rest.find(':'));
            rest.remove_prefix(std::min(rest.size(), one.size() + 1));
            if (!one.empty())
                directories.emplace_back(one);
        }
    }
    std::vector<std::string> files;
    for (const std::string& directory : directories)
        for (const std::string& name : directory_entries(directory.c_str()))
            if (name.ends_with(".so"))
                files.push_back(std::string(directory).append("/").append(name));
    return files;
}

} // namespace

void load_modules(ModuleSink sink, void* user) {
    static std::vector<std::string> loaded; // under the registry's lock
    for (const std::string& path : module_files()) {
        if (std::find(loaded.begin(), loaded.end(), path) != loaded.end())
            continue;
        const char* why = "unknown reason";
        const auto refuse = [&](ErrorKind kind, std::string_view call, std::string_view reason) {
            Error error = Error(kind, "loading a module").on(path).remedy(reason);
            if (!call.empty())
                error = std::move(error).call(call);
            sink(nullptr, path, &error, user);
        };
        // RTLD_NOW: a missing symbol is told here, not by a crash at the first call.
        void* module = kernel.dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL, &why);
        if (!module) {
            std::string_view reason = why;
            if (reason.starts_with(path + ": ")) // it is in the message already
                reason.remove_prefix(path.size() + 2);
            refuse(ErrorKind::unavailable, "dlopen", reason);
            continue;
        }
        loaded.push_back(path); // never unloaded: memory may carry its code's address
        const auto* backend = static_cast<const Backend*>(kernel.dlsym(module, "hwalloc_backend_v1"));
        if (!backend) {
            refuse(ErrorKind::unsupported, "dlsym",
                   "it has no symbol hwalloc_backend_v1, so it is not a backend of hwalloc");
        } else if (tag_of(*backend) != HWALLOC_BACKEND_ABI) {
            refuse(ErrorKind::unsupported, "",
                   "it was built for backend interface " + std::string(tag_of(*backend)) +
                       ", and this library offers " HWALLOC_BACKEND_ABI
                       ": build it against the headers of this library");
        } else if (backend->size < sizeof(Backend)) {
            refuse(ErrorKind::unsupported, "", "its description is shorter than its interface says");
        } else if (!backend->name || !backend->families || !backend->discover) {
            refuse(ErrorKind::unsupported, "", "its description lacks a name, families or discover");
        } else {
            sink(backend, path, nullptr, user);
        }
    }
}

} // namespace hwalloc
