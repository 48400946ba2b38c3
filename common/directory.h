// The names in a directory.
#pragma once

#include <string>
#include <vector>

namespace hwalloc {

// The entries of a directory, sorted by name, without "." and ".."; empty when it cannot be read, and then
// `*why`, if given, is a negative errno (0 otherwise). Throws bad_alloc, with the directory closed.
std::vector<std::string> directory_entries(const char* path, int* why = nullptr);

} // namespace hwalloc
