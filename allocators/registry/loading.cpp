// Companions and modules: which to load, and what comes of it.
#include <algorithm>

#include "allocators/registry/registry.h"
#include "allocators/registry/running.h"
#include "allocators/registry/words.h"

namespace hwalloc {

namespace {

bool brings(const Companion& companion, std::string_view wanted) {
    bool found = false;
    for_each_word(companion.families, [&](std::string_view family) { found |= family == wanted; });
    return found;
}

} // namespace

// One file has many paths, and a companion may lie among the modules too.
void Registry::add_module(const Backend& module) {
    if (std::none_of(sources_.begin(), sources_.end(),
                     [&](const Source& source) { return source.backend == &module; }))
        sources_.push_back({&module});
}

void Registry::note_load(std::string_view name, std::string_view family, std::string_view backend,
                         Error why) {
    Name& text = names_.intern(name);
    if (is_taken(text))
        return;
    NameRecord& record = record_of(text, family, backend);
    record.why = std::move(why);
    record.why_found_by = 0;
    record.load_failed = true;
}

// What was not loaded and is not listed any more: forgets why.
void Registry::forget_loads(std::string_view backend, std::span<const std::string> but) {
    erase_reasons([&](const NameRecord& record) {
        return record.load_failed && record.backend == backend &&
               std::find(but.begin(), but.end(), record.name.text()) == but.end();
    });
}

void Registry::load_companions(const std::string_view* family) {
    for (const Companion* companion = companions; companion->families; ++companion) {
        if (family && !brings(*companion, *family))
            continue;
        const RunsOnThisThread here(*this, nullptr, companion->soname);
        {
            const std::lock_guard guard(mutex_);
            if (here.already() || std::find(companions_in_process_.begin(), companions_in_process_.end(),
                                            companion) != companions_in_process_.end())
                continue;
        }
        Loaded loaded = load_companion(*companion);
        const std::lock_guard guard(mutex_);
        if (loaded.backend)
            add_module(*loaded.backend);
        if (loaded.is_in_process)
            companions_in_process_.push_back(companion);
        if (loaded.backend)
            forget_loads(companion->soname, {});
        else
            for_each_word(companion->families, [&](std::string_view missing) {
                note_load(missing, missing, companion->soname, *loaded.why);
            });
    }
}

void Registry::load_new_modules() {
    const ModuleFiles found = find_module_files();
    for (const std::string& path : found.files) {
        const RunsOnThisThread here(*this, nullptr, path);
        {
            const std::lock_guard guard(mutex_);
            if (here.already() || std::find(modules_in_process_.begin(), modules_in_process_.end(), path) !=
                                      modules_in_process_.end())
                continue;
        }
        Loaded loaded = load_module(path);
        const std::lock_guard guard(mutex_);
        if (loaded.backend)
            add_module(*loaded.backend);
        else
            note_load(path, "", refused_module, *std::move(loaded.why));
        if (loaded.is_in_process)
            modules_in_process_.push_back(path);
        if (loaded.backend) // a file that could not be loaded at first is tried again
            erase_reasons([&](const NameRecord& record) {
                return record.backend == refused_module && record.name.text() == path;
            });
    }
    // What is in no place for modules any more is not listed any more.
    std::vector<std::string> present = found.files;
    for (const auto& [path, why] : found.unusable)
        present.push_back(path);
    const std::lock_guard guard(mutex_);
    for (const auto& [path, why] : found.unusable)
        note_load(path, "", refused_module, why);
    forget_loads(refused_module, present);
}

} // namespace hwalloc
