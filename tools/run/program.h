// The program that `hwalloc run` is to run: where it is, and whether a preloaded library reaches it.
#pragma once

#include <string>

#include "hwalloc/result.h"

namespace hwalloc::tools::running {

// The file that the shell would run for `name`, along PATH. Errors: unavailable (there is none), permission
// (it may not be executed), unsupported, in words: it would run with the rights of another user or group or
// with capabilities of its file, so that the linker preloads nothing; it has no linker (static); it is for
// another machine or of another size than this command; it is no program. Of a script the interpreter is
// looked at likewise.
Result<std::string> find_program(const std::string& name);

} // namespace hwalloc::tools::running
