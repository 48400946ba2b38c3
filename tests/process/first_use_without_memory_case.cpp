// The first use of the library while there is little memory: whatever request for it is refused, no built-in
// name is lost for good. Each case is a child, since a first use comes once.
#include <sys/wait.h>
#include <unistd.h>

#include "hwalloc/allocator.h"
#include "tests/process/case.h"
#include "tests/process/refused_memory.h"

namespace {

int requests = 0, refused_request = -1; // the number of the one that is refused; -1: none

bool refuse() {
    return refused_request >= 0 && requests++ == refused_request;
}

// Whether this child had a request that was refused.
bool first_use(int refused) {
    using hwalloc::Allocator;
    refused_request = refused;
    (void)Allocator::find("SystemMemory");
    const bool was_refused = requests > refused;
    refused_request = -1;
    for (const char* name : {"sysmem", "SystemMemory", "memfd", "dmabuf"})
        if (!Allocator::find(name)) {
            std::fprintf(stderr, "after request %d was refused there is no %s\n", refused, name);
            std::_Exit(1);
        }
    REQUIRE(Allocator::find() == Allocator::find("sysmem"));
    return was_refused;
}

} // namespace

int main() {
    constexpr int was_refused = 10, needed_less = 11;
    bool failed = false;
    for (int refused = 0; refused < 2000; ++refused) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0)
            std::_Exit(first_use(refused) ? was_refused : needed_less);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == needed_less) {
            REQUIRE(refused > 0);
            return failed;
        }
        failed = failed || !WIFEXITED(status) || WEXITSTATUS(status) != was_refused;
    }
    REQUIRE(false); // a first use needs less memory than that
}
