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

// That a look into `path` found nothing: why, by the listing's negative errno or 0, and what helps. That is
// `remedy`, unless too many files are open to look at all.
Error nothing_found(int listed, const char* doing, std::string_view path, std::string_view remedy) noexcept;

} // namespace hwalloc
