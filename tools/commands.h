// The commands of `hwalloc`, one file each. To add one: declare its entry function here, and give it a row in
// main.cpp.
#pragma once

#include <functional>

#include "tools/output.h"

namespace CLI {
class App;
}

namespace hwalloc::tools {

// What a command does once its options are read. Returns the exit code (ExitCode); an error was printed by
// then.
using Run = std::function<int(Output& out)>;

// An entry function adds the command's options to `command`, which has its name, summary and --json already,
// and returns what to run with them. The options live in what the Run holds, for example in a shared_ptr.
Run capture(CLI::App& command);
Run check(CLI::App& command);
Run doctor(CLI::App& command);
Run list(CLI::App& command);
Run plan(CLI::App& command);
Run ps(CLI::App& command);
Run run(CLI::App& command);

} // namespace hwalloc::tools
