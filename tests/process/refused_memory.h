// For the one source of a program: malloc and calloc of the whole process, which answer null when refuse()
// does not want them to have memory. Each program has a refuse() of its own.
#pragma once

#include <cerrno>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
}

namespace {
bool refuse();
bool is_refused() {
    if (!refuse())
        return false;
    errno = ENOMEM;
    return true;
}
} // namespace

extern "C" [[gnu::visibility("default")]] void* malloc(std::size_t size) {
    return is_refused() ? nullptr : __libc_malloc(size);
}
extern "C" [[gnu::visibility("default")]] void* calloc(std::size_t count, std::size_t size) {
    return is_refused() ? nullptr : __libc_calloc(count, size);
}
