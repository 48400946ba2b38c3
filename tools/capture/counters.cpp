#include "tools/capture/counters.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HWALLOC_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HWALLOC_SANITIZED
#endif
#endif

#ifndef HWALLOC_SANITIZED
namespace {

// Trivial, so that operator new can use it at any time.
constinit thread_local std::uint64_t allocations = 0;

} // namespace

// Replaced in the whole process, as C++ provides for ([new.delete]): the forms for arrays and without
// exceptions call these.
void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(std::max<std::size_t>(size, 1)))
        return memory;
    throw std::bad_alloc();
}

void* operator new(std::size_t size, std::align_val_t align) {
    ++allocations;
    const auto step = static_cast<std::size_t>(align);
    const std::size_t whole = (size + step - 1) / step * step;
    if (whole >= size)
        if (void* memory = std::aligned_alloc(step, std::max(whole, step)))
            return memory;
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}

void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
#endif

namespace hwalloc::tools {

Counts count_now() noexcept {
    Counts counts;
#ifndef HWALLOC_SANITIZED
    counts.allocations = allocations;
#endif
    // One line for each mapping.
    const int fd = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return counts;
    char part[16384];
    std::uint64_t lines = 0;
    ssize_t length;
    while ((length = ::read(fd, part, sizeof part)) > 0)
        lines += static_cast<std::uint64_t>(std::count(part, part + length, '\n'));
    ::close(fd);
    if (length == 0)
        counts.mappings = lines;
    return counts;
}

} // namespace hwalloc::tools
