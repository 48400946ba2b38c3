// A thread whose first use of the library is to free memory, or to allocate and free it, while there is none,
// or while there is some for the first few requests only: freeing never needs memory.
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

constexpr int no_limit = -1;
thread_local int requests_left = no_limit; // of this thread
std::atomic<int> refused{0};

bool refuse() {
    if (requests_left == no_limit)
        return false;
    if (requests_left > 0) {
        --requests_left;
        return false;
    }
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
    auto memory = *hwalloc::alloc(5000);
    std::thread([&] {
        requests_left = 0;
        memory.reset();
        requests_left = no_limit;
    }).join();
    for (int requests = 0; requests < 8; ++requests) {
        const int refused_before = refused;
        auto others = *hwalloc::alloc(5000);
        std::thread([&] {
            requests_left = requests;
            auto own = hwalloc::alloc(6000);
            REQUIRE(requests > 0 || !own);
            others.reset();
            if (own)
                own->reset();
            requests_left = no_limit;
            REQUIRE(hwalloc::alloc(6000));
        }).join();
        REQUIRE(requests > 0 || refused > refused_before);
    }
    REQUIRE(refused > 0);
}
