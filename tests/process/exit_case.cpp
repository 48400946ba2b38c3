// A process ends, by returning from main, while its threads go on using the library: each of many ends well.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "tests/process/uses.h"

namespace {

using namespace hwalloc::process;

[[noreturn]] void end_with_threads(int round) {
    for (const auto use : {use_memory, use_memory, use_registry, use_plans})
        std::thread([use] {
            while (true)
                use();
        }).detach();
    // Whatever the threads are at by then.
    for (int i = 0; i < round % 4; ++i)
        use_memory();
    std::exit(0);
}

} // namespace

int main() {
    for (int round = 0; round < 40; ++round) {
        const pid_t child = ::fork(); // of a process without threads
        REQUIRE(child >= 0);
        if (child == 0) {
            ::alarm(60);
            end_with_threads(round);
        }
        int status = -1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (WIFSIGNALED(status))
            std::fprintf(stderr, "round %d: ended by signal %d\n", round, WTERMSIG(status));
        REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}
