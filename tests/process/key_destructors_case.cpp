// Threads that free memory in the destructor of a pthread key, as GLib's GPrivate has them do: nothing is
// left of them, in whichever round of destructors that happens.
#include <malloc.h>
#include <pthread.h>

#include <cstddef>
#include <thread>

#include "hwalloc/allocator.h"
#include "tests/process/case.h"

namespace {

using hwalloc::MemoryRef;

pthread_key_t key;

struct Held {
    MemoryRef memory;
    int rounds; // of destructors to wait before freeing
};

void end(void* data) {
    auto* held = static_cast<Held*>(data);
    if (held->rounds-- > 0) {
        ::pthread_setspecific(key, held);
        return;
    }
    delete held;
}

void run(bool allocates_itself, int rounds) {
    MemoryRef memory;
    if (!allocates_itself)
        memory = *hwalloc::alloc(15000);
    std::thread([&] {
        if (allocates_itself)
            memory = *hwalloc::alloc(15000);
        REQUIRE(::pthread_setspecific(key, new Held{std::move(memory), rounds}) == 0);
    }).join();
}

std::size_t in_use() {
    return ::mallinfo2().uordblks;
}

} // namespace

int main() {
    ::mallopt(M_ARENA_MAX, 1); // mallinfo2 counts what is in use in all of them alike
    REQUIRE(::pthread_key_create(&key, end) == 0);
    for (const bool allocates_itself : {false, true})
        for (int rounds = 0; rounds < PTHREAD_DESTRUCTOR_ITERATIONS; ++rounds) {
            for (int i = 0; i < 20; ++i)
                run(allocates_itself, rounds);
            const std::size_t before = in_use();
            for (int i = 0; i < 200; ++i)
                run(allocates_itself, rounds);
            const std::size_t after = in_use();
            // 200 threads that each left their memory would leave 3 MB.
            if (after > before + 100000) {
                std::fprintf(stderr, "round %d, thread %s: %zu bytes in use, then %zu\n", rounds,
                             allocates_itself ? "allocates" : "only frees", before, after);
                return 1;
            }
        }
}
