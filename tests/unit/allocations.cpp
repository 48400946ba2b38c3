#include "tests/unit/allocations.h"

#include <malloc.h>

#include <cerrno>
#include <utility>

namespace hwalloc::testing {

thread_local std::size_t allocations = 0;
thread_local void (*before_allocation)() = nullptr;

} // namespace hwalloc::testing

#if HWALLOC_TEST_SEES_ALLOCATIONS
namespace {

void note_allocation() {
    using namespace hwalloc::testing;
    ++allocations;
    if (void (*const call)() = std::exchange(before_allocation, nullptr)) {
        call();
        before_allocation = call;
    }
}

} // namespace

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);

void* malloc(std::size_t size) noexcept {
    note_allocation();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    note_allocation();
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
    note_allocation();
    return __libc_realloc(memory, size);
}
void* memalign(std::size_t align, std::size_t size) noexcept {
    note_allocation();
    return __libc_memalign(align, size);
}
void* aligned_alloc(std::size_t align, std::size_t size) noexcept {
    note_allocation();
    return __libc_memalign(align, size);
}
int posix_memalign(void** memory, std::size_t align, std::size_t size) noexcept {
    note_allocation();
    *memory = __libc_memalign(align, size);
    return *memory ? 0 : ENOMEM;
}
}
#endif
