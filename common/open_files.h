// What to do when a process, or the machine, can open no more files.
#pragma once

#include <cerrno>
#include <utility>

#include "hwalloc/error.h"

namespace hwalloc {

// `error` as it is, or, where `answer` (a negative errno) says that too many files are open, with what helps.
inline Error with_open_files_remedy(Error&& error, int answer) noexcept {
    switch (answer) {
    case -EMFILE:
        return std::move(error).remedy(
            "this process has as many files open as it may: raise its limit (ulimit -n)");
    case -ENFILE:
        return std::move(error).remedy("the machine has as many files open as it may: close some, or raise "
                                       "the limit (sysctl fs.file-max)");
    default:
        return std::move(error);
    }
}

} // namespace hwalloc
