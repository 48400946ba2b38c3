// Work in a process of its own: a driver or module that crashes or hangs is a finding, not the end of the
// report.
#pragma once

#include <functional>
#include <string>

#include "tools/output.h"

namespace hwalloc::tools::checks {

using Say = std::function<void(const Json& message)>;

// Runs `work` in a child process. Every message it says is given to `hear` in this process, in order, as it
// comes. Returns how the child ended too early, in words ("was killed by SIGSEGV"), or nothing when it came
// to its end. A child that says nothing for `patience` seconds is killed. Call it while this process has one
// thread.
std::string in_child(const std::function<void(const Say& say)>& work,
                     const std::function<void(const Json& message)>& hear, int patience);

} // namespace hwalloc::tools::checks
