#include "common/directory.h"

#include <algorithm>
#include <cerrno>
#include <new>

#include "common/kernel.h"
#include "common/open_files.h"

namespace hwalloc {

std::vector<std::string> directory_entries(const char* path, int* why) {
    struct Listing {
        std::vector<std::string> names;
        bool memory_short = false; // an exception must not pass through the C library's directory stream
    } listing;
    const int listed = kernel.list_directory(
        path,
        [](const char* name, void* user) {
            auto& into = *static_cast<Listing*>(user);
            try {
                into.names.emplace_back(name);
                return true;
            } catch (const std::bad_alloc&) {
                into.memory_short = true;
                return false;
            }
        },
        &listing);
    if (listing.memory_short)
        throw std::bad_alloc();
    if (why)
        *why = listed < 0 ? listed : 0;
    std::sort(listing.names.begin(), listing.names.end());
    return std::move(listing.names);
}

bool listing_refused(int answer) noexcept {
    return answer < 0 && answer != -ENOENT && answer != -ENOTDIR;
}

bool RefusedListing::is_denied() const noexcept {
    return answer == -EACCES || answer == -EPERM;
}

Error RefusedListing::error(const char* doing) const noexcept {
    return no_file_to_look(answer, doing, path);
}

std::vector<std::string> directory_entries(const std::string& path, RefusedListing& refused) {
    int why = 0;
    auto entries = directory_entries(path.c_str(), &why);
    if (!refused && listing_refused(why))
        refused = {why, path};
    return entries;
}

Error nothing_found(int listed, const char* doing, std::string_view path, std::string_view remedy) noexcept {
    if (is_too_many_files(listed))
        return no_file_to_look(listed, doing, path);
    return Error(ErrorKind::unavailable, listed < 0 ? -listed : ENOENT, doing).on(path).remedy(remedy);
}

} // namespace hwalloc
