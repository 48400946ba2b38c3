// What every case has: a way to say what went wrong, on standard error, and to end.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "hwalloc/error.h"

namespace hwalloc::process {

[[noreturn]] inline void fail(const char* file, int line, const char* what) {
    std::fprintf(stderr, "%s:%d: %s\n", file, line, what);
    std::_Exit(1);
}
[[noreturn]] inline void skip(const char* why) {
    std::fprintf(stderr, "skipped: %s\n", why);
    std::_Exit(77);
}

} // namespace hwalloc::process

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ::hwalloc::process::fail(__FILE__, __LINE__, #condition);                                        \
    } while (false)
