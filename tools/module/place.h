// Where the command's own parts are that it does not link: modules and what it preloads.
#pragma once

#include <string>

namespace hwalloc::tools {

// The file: beside the command in a build, in a directory of its own when installed. Relative to the command,
// so that an installation can be moved. Empty: it is not there.
std::string place_of_part(const char* name);

} // namespace hwalloc::tools
