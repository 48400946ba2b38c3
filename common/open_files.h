// What to do when a process, or the machine, can open no more files.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "common/kernel.h"
#include "hwalloc/error.h"

namespace hwalloc {

inline bool is_too_many_files(int answer) noexcept {
    return answer == -EMFILE || answer == -ENFILE;
}

// For what other libraries refuse without saying that they could open no file: 0, or the negative errno with
// which the next one is refused.
inline int too_many_files() noexcept {
    const int file = kernel.open("/", O_PATH | O_CLOEXEC);
    if (file >= 0)
        kernel.close(file);
    return is_too_many_files(file) ? file : 0;
}

// `error` as it is, or, where `answer` (a negative errno) says that too many files are open, with what helps.
inline Error with_open_files_remedy(Error&& error, int answer) noexcept {
    switch (answer) {
    case -EMFILE:
        return std::move(error).remedy(
            "this process has as many files open as it may: release what holds one, as each memory with a "
            "descriptor does, or raise the limit (ulimit -n)");
    case -ENFILE:
        return std::move(error).remedy("the machine has as many files open as it may: close some, or raise "
                                       "the limit (sysctl fs.file-max)");
    default:
        return std::move(error);
    }
}

// Of a listing, or a look for something, that was refused so.
inline Error no_file_to_look(int answer, const char* doing, std::string_view path) noexcept {
    return with_open_files_remedy(Error::from_errno(-answer, doing).on(path).call("open"), answer);
}

} // namespace hwalloc
