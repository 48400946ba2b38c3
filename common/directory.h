// The names in a directory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/error.h"

namespace hwalloc {

// The entries of a directory, sorted by name, without "." and ".."; empty when it cannot be read, and then
// `*why`, if given, is a negative errno (0 otherwise). Throws bad_alloc, with the directory closed.
std::vector<std::string> directory_entries(const char* path, int* why = nullptr);

// Whether a negative errno of listing, or of stat, leaves open what there is: it is not the errno of a path
// that does not exist. Then nothing is known to have gone.
bool listing_refused(int answer) noexcept;

// The first of several listings that was refused, so that what they tell together has gaps.
struct RefusedListing {
    int answer = 0; // a negative errno; 0: none was refused
    std::string path;

    explicit operator bool() const noexcept { return answer < 0; }
    // Whether it will be refused to this process again and again: it lacks the right.
    bool is_denied() const noexcept;
    Error error(const char* doing) const noexcept;
};
// The same as above; notes in `refused` when listing_refused(), unless it holds an earlier one.
std::vector<std::string> directory_entries(const std::string& path, RefusedListing& refused);

// The error of a look into `path` that found nothing: why, by the listing's negative errno or 0, and what
// helps. That is `remedy`, unless too many files are open to look at all.
Error nothing_found(int listed, const char* doing, std::string_view path, std::string_view remedy) noexcept;

} // namespace hwalloc
