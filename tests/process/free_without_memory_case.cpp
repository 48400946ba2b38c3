// A thread whose first use of the library is to free memory, or to allocate and free it, while there is none:
// freeing never needs memory.
#include <atomic>
#include <cerrno>
#include <thread>

#include "hwalloc/allocator.h"
#include "tests/process/case.h"

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
}

namespace {

thread_local bool short_of_memory = false;
std::atomic<int> refused{0};

bool refuse() {
    if (!short_of_memory)
        return false;
    ++refused;
    errno = ENOMEM;
    return true;
}

} // namespace

extern "C" [[gnu::visibility("default")]] void* malloc(std::size_t size) {
    return refuse() ? nullptr : __libc_malloc(size);
}
extern "C" [[gnu::visibility("default")]] void* calloc(std::size_t count, std::size_t size) {
    return refuse() ? nullptr : __libc_calloc(count, size);
}

int main() {
    auto memory = *hwalloc::alloc(5000), another = *hwalloc::alloc(5000);
    std::thread([&] {
        short_of_memory = true;
        memory.reset();
        short_of_memory = false;
    }).join();
    std::thread([&] {
        short_of_memory = true;
        const auto none = hwalloc::alloc(6000);
        REQUIRE(!none);
        another.reset();
        short_of_memory = false;
        REQUIRE(hwalloc::alloc(6000));
    }).join();
    REQUIRE(refused > 0);
}
