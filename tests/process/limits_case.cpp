// Limits of the process: each is an error that names the limit and what raises it, and nothing is left over.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/drm.h"
#include "hwalloc/unique_fd.h"
#include "hwalloc/v4l2.h"
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

// Every way to memory, with no descriptor left at all: each tells that, and none blames a device or a driver.
void no_file_left() {
    using hwalloc::Allocator;
    const int before = descriptors();
    {
        const auto held = Allocator::find("memfd")->alloc(100);
        REQUIRE(held);
        lower(RLIMIT_NOFILE, 64);
        std::vector<hwalloc::UniqueFd> taken;
        for (int fd = ::dup(0); fd >= 0; fd = ::dup(0))
            taken.emplace_back(fd);
        const auto tells = [](const auto& result, const char* what) {
            if (!result && says(result.error(), "ulimit -n"))
                return true;
            std::fprintf(stderr, "%s: %s\n", what, result ? "no error" : result.error().message().c_str());
            return false;
        };
        const auto exhausted = [&](const auto& result, const char* what) {
            return tells(result, what) && result.error().kind() == hwalloc::ErrorKind::exhausted;
        };
        REQUIRE(exhausted(Allocator::find("memfd")->alloc(100), "memfd"));
        REQUIRE(exhausted((*held)->copy(), "a copy"));
        REQUIRE(exhausted(export_fd(*held, hwalloc::FdKind::memfd), "exporting"));
        const int lent = borrow_fd(*held, hwalloc::FdKind::memfd)->fd;
        REQUIRE(exhausted(hwalloc::import_dmabuf(lent), "importing"));
        if (Allocator* udmabuf = Allocator::find("udmabuf"))
            REQUIRE(exhausted(udmabuf->alloc(100), "udmabuf"));
        REQUIRE(exhausted(hwalloc::v4l2::list_cameras(), "listing cameras"));
        REQUIRE(exhausted(hwalloc::v4l2::Camera::open("/dev/video0"), "a camera"));
        REQUIRE(exhausted(hwalloc::drm::Device::open("card0"), "a card"));
        REQUIRE(exhausted(hwalloc::drm::Device::wrap(0), "a card's descriptor"));
        for (const char* name : {"dma-heap/none", "drm-dumb/none", "v4l2/none", "vulkan/0"})
            REQUIRE(tells(Allocator::resolve(name), name));
        REQUIRE(hwalloc::alloc(100) && (*held)->share() && (*held)->map(hwalloc::MapFlags::write));
        taken.clear();
        restore(RLIMIT_NOFILE);
        REQUIRE(descriptors() == before + 1);
        REQUIRE(Allocator::find("memfd")->alloc(100) && export_fd(*held, hwalloc::FdKind::memfd));
        for (const char* name : {"dma-heap/none", "drm-dumb/none", "v4l2/none"})
            REQUIRE(!says(Allocator::resolve(name).error(), "ulimit -n")); // nothing of it is remembered
    }
    REQUIRE(descriptors() == before);
}

} // namespace

int main() {
    REQUIRE(hwalloc::Allocator::find("memfd")->alloc(100)); // what is opened once for all is open
    (void)hwalloc::Allocator::find("udmabuf");
    file_size();
    open_files();
    no_file_left();
}
