// Loads backends outside the library: the companions by their sonames, modules from one directory fixed at
// build time, relative to the library unless it is absolute, then from those of HWALLOC_MODULE_PATH.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <optional>
#include <string>
#include <vector>

#include "allocators/registry/registry.h"
#include "common/directory.h"
#include "common/kernel.h"

namespace hwalloc {
namespace {

std::string_view tag_of(const Backend& module) noexcept {
    return {module.abi, strnlen(module.abi, sizeof module.abi)};
}

#ifndef HWALLOC_STATIC
// Where the library's own modules are. None when the linker does not say where the library itself is.
std::optional<std::string> installed_modules() {
    constexpr std::string_view directory = HWALLOC_MODULE_DIR;
    if (directory.starts_with('/'))
        return std::string(directory);
    static const char inside = 0;
    Dl_info library{};
    if (dladdr(&inside, &library) == 0 || !library.dli_fname)
        return std::nullopt;
    const std::string_view file = library.dli_fname;
    const auto slash = file.rfind('/');
    if (slash == std::string_view::npos)
        return std::nullopt;
    return std::string(file.substr(0, slash + 1)).append(directory);
}
#endif

std::vector<std::string> module_files() {
    std::vector<std::string> directories;
#ifndef HWALLOC_STATIC
    if (auto installed = installed_modules())
        directories.push_back(*std::move(installed));
#endif
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

// Loads `file` and looks at what it describes. `*loaded`: it is in the process, be it to be refused. It is
// never unloaded: memory may carry its code's address. An error's remedy is the reason, and `help` behind it.
Result<const Backend*> load(const std::string& file, const char* doing, std::string_view help, bool* loaded) {
    const auto refuse = [&](ErrorKind kind, std::string_view call, std::string reason) {
        if (!help.empty())
            reason.append("; ").append(help);
        Error error = Error(kind, doing).on(file).remedy(reason);
        return call.empty() ? std::move(error) : std::move(error).call(call);
    };
#ifdef HWALLOC_STATIC
    *loaded = false;
    return refuse(
        ErrorKind::unsupported, "",
        "this program has libhwalloc in itself, and a library outside would bring another one, with "
        "names and memory of its own: use the shared libhwalloc");
#endif
    const char* why = "unknown reason";
    // RTLD_NOW: a missing symbol is told here, not by a crash at the first call.
    void* module = kernel.dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL, &why);
    *loaded = module != nullptr;
    if (!module) {
        std::string_view reason = why;
        if (reason.starts_with(file + ": ")) // it is in the message already
            reason.remove_prefix(file.size() + 2);
        return refuse(ErrorKind::unavailable, "dlopen", std::string(reason));
    }
    const auto* backend = static_cast<const Backend*>(kernel.dlsym(module, "hwalloc_backend_v1"));
    if (!backend)
        return refuse(ErrorKind::unsupported, "dlsym",
                      "it has no symbol hwalloc_backend_v1, so it is not a backend of hwalloc");
    if (tag_of(*backend) != HWALLOC_BACKEND_ABI)
        return refuse(ErrorKind::unsupported, "",
                      "it was built for backend interface " + std::string(tag_of(*backend)) +
                          ", and this library offers " HWALLOC_BACKEND_ABI
                          ": build it against the headers of this library");
    if (backend->size < sizeof(Backend))
        return refuse(ErrorKind::unsupported, "", "its description is shorter than its interface says");
    if (!backend->name || !backend->families || !backend->discover)
        return refuse(ErrorKind::unsupported, "", "its description lacks a name, families or discover");
    return backend;
}

} // namespace

Result<const Backend*> load_companion(const Companion& companion, bool* loaded) {
    return load(companion.soname, "loading a library of hwalloc", companion.remedy, loaded);
}

void load_modules(ModuleSink sink, void* user) {
    static std::vector<std::string> loaded; // under the registry's lock
    for (const std::string& path : module_files()) {
        if (std::find(loaded.begin(), loaded.end(), path) != loaded.end())
            continue;
        bool in_process = false;
        const auto module = load(path, "loading a module", "", &in_process);
        if (in_process)
            loaded.push_back(path);
        if (module)
            sink(*module, path, nullptr, user);
        else
            sink(nullptr, path, &module.error(), user);
    }
}

} // namespace hwalloc
