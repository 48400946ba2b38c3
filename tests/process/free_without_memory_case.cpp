// A thread whose first use of the library is to free memory, or to allocate and free it, while there is none,
// or while there is some for the first few requests only: freeing never needs memory.
#include <atomic>
#include <thread>

#include "hwalloc/allocator.h"
#include "tests/process/case.h"
#include "tests/process/refused_memory.h"

namespace {

constexpr int no_limit = -1;
thread_local int requests_left = no_limit; // of this thread
std::atomic<int> refusals{0};

bool refuse() {
    if (requests_left == no_limit)
        return false;
    if (requests_left > 0) {
        --requests_left;
        return false;
    }
    ++refusals;
    return true;
}

} // namespace

int main() {
    auto memory = *hwalloc::alloc(5000);
    std::thread([&] {
        requests_left = 0;
        memory.reset();
        requests_left = no_limit;
    }).join();
    for (int requests = 0; requests < 8; ++requests) {
        const int refused_before = refusals;
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
        REQUIRE(requests > 0 || refusals > refused_before);
    }
    REQUIRE(refusals > 0);
}
