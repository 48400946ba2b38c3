// Static objects of an application that end before and after everything that the library may have: each uses
// all of it in its end.
#include <pthread.h>

#include <cstdlib>
#include <thread>

#include "tests/process/uses.h"

namespace {

using namespace hwalloc::process;

int uses = 0;

struct UsesInItsEnd {
    ~UsesInItsEnd() {
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

int main() {
    // Destroyed after everything that follows, in the order of its making.
    REQUIRE(std::atexit([] {
                use_all();
                ++uses;
            }) == 0);
    oldest.memory = *hwalloc::alloc(5000);
    oldest.file = *hwalloc::Allocator::find("memfd")->alloc(5000);
    (void)hwalloc::Allocator::resolve("vulkan/0"); // loads a library, where there is one
    use_all();
    static UsesInItsEnd after_first;
    std::thread([] {
        static thread_local UsesInItsEnd of_thread;
        (void)&of_thread;
        use_all();
    }).join();
    REQUIRE(uses == 1);
}
