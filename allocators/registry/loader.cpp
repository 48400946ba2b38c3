#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <optional>
#include <string>
#include <vector>

#include "allocators/registry/loader.h"
#include "common/directory.h"
#include "common/kernel.h"
#include "common/open_files.h"

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

// Loads `file` and looks at what it describes. It is never unloaded: memory may carry its code's address. An
// error's remedy is the reason, and `help` behind it.
Loaded load(const std::string& file, const char* doing, std::string_view help) {
    bool loaded = false;
    const auto refuse = [&](ErrorKind kind, std::string_view call, std::string reason) {
        if (!help.empty())
            reason.append("; ").append(help);
        Error error = Error(kind, doing).on(file).remedy(reason);
        return Loaded{.why = call.empty() ? std::move(error) : std::move(error).call(call),
                      .is_in_process = loaded};
    };
#ifdef HWALLOC_STATIC
    return refuse(
        ErrorKind::unsupported, "",
        "this program has libhwalloc in itself, and a library outside would bring another one, with "
        "names and memory of its own: use the shared libhwalloc");
#endif
    const char* why = "unknown reason";
    // RTLD_NOW: a missing symbol is told here, not by a crash at the first call.
    void* module = kernel.dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL, &why);
    loaded = module != nullptr;
    if (const int answer = module ? 0 : too_many_files(); answer < 0)
        return {.why =
                    with_open_files_remedy(Error::from_errno(-answer, doing).on(file).call("dlopen"), answer),
                .is_in_process = false};
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
    return {.backend = backend, .is_in_process = true};
}

constexpr const char* loading_module = "loading a module";

// Opening one of these with dlopen could wait for ever (a FIFO) or do something to a device.
std::optional<Error> not_a_regular_file(const std::string& path) {
    struct stat status {};
    if (kernel.stat(path.c_str(), &status) < 0 || S_ISREG(status.st_mode))
        return std::nullopt; // the linker explains a file that is missing
    return Error(ErrorKind::unsupported, loading_module)
        .on(path)
        .remedy(S_ISDIR(status.st_mode) ? "it is a directory, and a module is a file"
                                        : "it is not a regular file, and a module is one");
}

Error unusable_directory(const std::string& directory, int answer) {
    if (is_too_many_files(answer))
        return no_file_to_look(answer, "looking for modules", directory);
    std::string help = answer == -ENOTDIR ? "HWALLOC_MODULE_PATH names directories, not the modules in them"
                       : answer == -ENOENT
                           ? "HWALLOC_MODULE_PATH names it, and there is no such directory"
                           : "HWALLOC_MODULE_PATH names it, and this process must be able to read it";
    if (!directory.starts_with('/'))
        help += "; the path is relative to the directory that the process works in";
    return Error(Error::kind_of_errno(-answer), -answer, "looking for modules").on(directory).remedy(help);
}

} // namespace

ModuleFiles find_module_files() {
    ModuleFiles found;
    const auto look_into = [&](const std::string& directory, bool demanded) {
        int answer = 0;
        for (const std::string& name : directory_entries(directory.c_str(), &answer)) {
            if (!name.ends_with(".so"))
                continue;
            std::string path = std::string(directory).append("/").append(name);
            if (auto why = not_a_regular_file(path))
                found.unusable.emplace_back(std::move(path), *std::move(why));
            else
                found.files.push_back(std::move(path));
        }
        if (answer < 0 && demanded)
            found.unusable.emplace_back(directory, unusable_directory(directory, answer));
    };
#ifndef HWALLOC_STATIC
    if (const auto installed = installed_modules())
        look_into(*installed, false); // a system without modules lacks it
#endif
    // Null in a process that runs with more privilege than its caller (man 3 secure_getenv): what the caller
    // says must not choose the code that runs there.
    if (const char* path = secure_getenv("HWALLOC_MODULE_PATH")) {
        std::string_view rest = path;
        while (!rest.empty()) {
            const auto one = rest.substr(0, rest.find(':'));
            rest.remove_prefix(std::min(rest.size(), one.size() + 1));
            if (!one.empty())
                look_into(std::string(one), true);
        }
    }
    return found;
}

Loaded load_companion(const Companion& companion) {
    return load(companion.soname, "loading a library of hwalloc", companion.remedy);
}

Loaded load_module(const std::string& path) {
    return load(path, loading_module, "");
}

} // namespace hwalloc
