// Static objects of an application that end before and after everything that the library may have: each uses
// all of it in its end.
#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/process/uses.h"

namespace {

using namespace hwalloc::process;

int uses = 0;

// What ended before lies in freed memory, whole by chance: so others have it by now.
void write_over_freed_memory() {
    constexpr std::size_t largest = 512, step = 16, of_each = 64;
    std::vector<void*> taken;
    for (std::size_t size = step; size <= largest; size += step)
        for (std::size_t i = 0; i < of_each; ++i) {
            void* const block = std::malloc(size);
            REQUIRE(block);
            std::memset(block, 0xff, size);
            taken.push_back(block);
        }
    for (void* const block : taken)
        std::free(block);
}

struct UsesInItsEnd {
    ~UsesInItsEnd() {
        write_over_freed_memory();
        use_all();
        ++uses;
    }
};

// Keeps memory of each kind until it ends.
struct Keeps {
    hwalloc::MemoryRef memory, file;
    ~Keeps() {
        if (memory)
            REQUIRE(memory->map(hwalloc::MapFlags::readwrite) && file->share(0, 10));
    }
};

Keeps oldest;              // made before the library is first used, so it ends last
UsesInItsEnd before_first; // likewise

} // namespace

// usage: static_ends [ALLOCATOR of a module, which has to be there]
int main(int count, char** words) {
    // Destroyed after everything that follows, in the order of its making.
    REQUIRE(std::atexit([] {
                use_all();
                ++uses;
            }) == 0);
    oldest.memory = *hwalloc::alloc(5000);
    oldest.file = *hwalloc::Allocator::find("memfd")->alloc(5000);
    (void)hwalloc::Allocator::resolve("vulkan/0"); // loads a library, where there is one
    REQUIRE(count < 2 || hwalloc::Allocator::resolve(words[1]));
    use_all();
    static UsesInItsEnd after_first;
    std::thread([] {
        static thread_local UsesInItsEnd of_thread;
        (void)&of_thread;
        use_all();
    }).join();
    REQUIRE(uses == 1);
}
