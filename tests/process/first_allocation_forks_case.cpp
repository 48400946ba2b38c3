// A thread forks in the very moment in which another makes the process's first allocation: each of the two
// processes allocates all the same.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "hwalloc/allocator.h"
#include "tests/process/case.h"

namespace {

using namespace hwalloc::process;

// How far the first allocation has come: it needs a key of threads, and is held up while it makes that.
enum class Stage : int { before, at_the_key, forked };
std::atomic<Stage> stage{Stage::before};
std::atomic<bool> is_armed{false}; // others make keys too

void go_to(Stage next) {
    stage = next;
    stage.notify_all();
}
void wait_for(Stage awaited) {
    for (Stage now = stage; now != awaited; now = stage)
        stage.wait(now);
}

using CreateKey = int (*)(pthread_key_t*, void (*)(void*));
CreateKey create_key = nullptr;

void allocate() {
    for (int i = 0; i < 3; ++i) {
        auto memory = hwalloc::alloc(4096);
        REQUIRE(memory);
        REQUIRE((*memory)->map(hwalloc::MapFlags::readwrite));
    }
}

} // namespace

extern "C" [[gnu::visibility("default")]] int pthread_key_create(pthread_key_t* key,
                                                                 void (*destructor)(void*)) noexcept {
    if (is_armed.exchange(false)) {
        go_to(Stage::at_the_key);
        wait_for(Stage::forked);
    }
    if (!create_key)
        create_key = reinterpret_cast<CreateKey>(::dlsym(RTLD_NEXT, "pthread_key_create"));
    return create_key(key, destructor);
}

int main() {
    create_key = reinterpret_cast<CreateKey>(::dlsym(RTLD_NEXT, "pthread_key_create"));
    REQUIRE(create_key);
    is_armed = true;
    std::thread first([] {
        allocate();
        if (is_armed.exchange(false))
            skip("this library keeps nothing for a thread");
    });
    wait_for(Stage::at_the_key);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::alarm(60); // ends one that hangs
        allocate();
        ::_exit(0);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    go_to(Stage::forked);
    first.join();
    if (WIFSIGNALED(status))
        std::fprintf(stderr, "the child ended by signal %d\n", WTERMSIG(status));
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
