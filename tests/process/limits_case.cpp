// Limits of the process: each is an error that names the limit and what raises it, and nothing is left over.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "hwalloc/allocator.h"
#include "tests/process/case.h"

namespace {

int descriptors() {
    int count = 0;
    DIR* directory = ::opendir("/proc/self/fd");
    REQUIRE(directory);
    while (::readdir(directory))
        ++count;
    ::closedir(directory);
    return count;
}

void lower(__rlimit_resource resource, rlim_t to) {
    struct rlimit limit {};
    REQUIRE(::getrlimit(resource, &limit) == 0);
    limit.rlim_cur = to;
    REQUIRE(::setrlimit(resource, &limit) == 0);
}
void restore(__rlimit_resource resource) {
    struct rlimit limit {};
    REQUIRE(::getrlimit(resource, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE(::setrlimit(resource, &limit) == 0);
}

bool says(const hwalloc::Error& error, const char* what) {
    return error.message().find(what) != std::string::npos;
}

// Every allocator that can be asked, with the default handler of SIGXFSZ, which ends the process.
void file_size() {
    const int before = descriptors();
    lower(RLIMIT_FSIZE, 8192);
    const auto memory = hwalloc::Allocator::find("memfd")->alloc(1 << 20);
    REQUIRE(!memory && says(memory.error(), "ulimit -f"));
    if (hwalloc::Allocator* udmabuf = hwalloc::Allocator::find("udmabuf")) // not on every machine
        REQUIRE(!udmabuf->alloc(1 << 20));
    restore(RLIMIT_FSIZE);
    REQUIRE(hwalloc::Allocator::find("memfd")->alloc(1 << 20));
    REQUIRE(descriptors() == before);
}

void open_files() {
    const int before = descriptors();
    lower(RLIMIT_NOFILE, 64);
    std::vector<hwalloc::MemoryRef> held;
    hwalloc::Error why(hwalloc::ErrorKind::invalid, "");
    while (held.size() < 100) {
        auto memory = hwalloc::Allocator::find("memfd")->alloc(100);
        if (!memory) {
            why = memory.error();
            break;
        }
        held.push_back(*std::move(memory));
    }
    REQUIRE(held.size() < 64 && says(why, "ulimit -n"));
    REQUIRE(hwalloc::alloc(100)); // memory without a descriptor
    held.clear();
    REQUIRE(hwalloc::Allocator::find("memfd")->alloc(100));
    restore(RLIMIT_NOFILE);
    REQUIRE(descriptors() == before);
}

} // namespace

int main() {
    REQUIRE(hwalloc::Allocator::find("memfd")->alloc(100)); // what is opened once for all is open
    (void)hwalloc::Allocator::find("udmabuf");
    file_size();
    open_files();
}
