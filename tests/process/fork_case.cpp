// A process whose threads use the library all the time forks, again and again: each child uses all of it.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/process/uses.h"

int main() {
    using namespace hwalloc::process;
    use_all();
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    for (const auto use : {use_memory, use_memory, use_registry, use_plans})
        threads.emplace_back([&over, use] {
            while (!over)
                use();
        });
    const hwalloc::MemoryRef made_before = *hwalloc::alloc(5000);
    for (int round = 0; round < 40; ++round) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::alarm(60); // ends one that hangs
            REQUIRE(made_before->map(hwalloc::MapFlags::readwrite));
            use_all();
            ::_exit(0);
        }
        int status = -1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (WIFSIGNALED(status))
            std::fprintf(stderr, "round %d: the child ended by signal %d\n", round, WTERMSIG(status));
        REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    over = true;
    for (std::thread& thread : threads)
        thread.join();
}
