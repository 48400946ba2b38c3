// A program as a child: it has the terminal and the signals, as if it had been run by itself.
#pragma once

#include <string>
#include <vector>

#include "hwalloc/result.h"

namespace hwalloc::tools::running {

struct Ended {
    int code;   // of its exit, or 128 and the signal, as shells have it
    int signal; // 0: it ended by itself
};

// Runs `program` with `words` as its arguments (the first is its name) and `environment` ("NAME=VALUE"), and
// waits. `output_to_error`: its standard output is the standard error of this process.
Result<Ended> run_program(const std::string& program, const std::vector<std::string>& words,
                          const std::vector<std::string>& environment, bool output_to_error);

} // namespace hwalloc::tools::running
