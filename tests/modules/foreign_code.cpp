// A program whose plug-ins, threads and children use the library at the worst moment. It ends by SIGALRM when
// one of them waits for ever.
//
// usage: foreign_code module | plugin FILE | fork | exit
#include <dlfcn.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "hwalloc/allocator.h"
#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"

namespace {

using namespace hwalloc;

constexpr unsigned far_too_long = 120; // seconds

class Plain final : public Allocator {
public:
    Plain() noexcept : Allocator("plugin") {}
};

int failed(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    return 1;
}

// A backend that uses the library from all its functions.
int module() {
    auto found = Allocator::resolve("called-back/0");
    if (!found)
        return failed(found.error().message().c_str());
    if (!inventory(InventoryScan::full) || Allocator::resolve("called-bakc/0"))
        return failed("the inventory");
    auto monitor = DeviceMonitor::open({});
    if (!monitor || !monitor->dispatch())
        return failed("the monitor");
    close_idle_devices();
    return Allocator::find("called-back") == *found ? 0 : failed("it has gone");
}

std::atomic<pid_t> resolving{0};
std::atomic<bool> resolved{false}, used{false};

bool sleeps(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string line;
    std::getline(file, line);
    const auto behind_name = line.rfind(')');
    return behind_name != line.npos && line.compare(behind_name, 3, ") S") == 0;
}

int plugin(const char* file) {
    std::thread other([] {
        while (!resolving) // the constructor runs, and has the linker's lock
            sched_yield();
        resolving = ::gettid();
        (void)Allocator::resolve("test/good");
        resolved = true;
    });
    void* loaded = ::dlopen(file, RTLD_NOW);
    if (!loaded)
        return failed(::dlerror());
    other.join();
    return used ? 0 : failed("the constructor did not run");
}

// Children of a program that has a thread which looks for devices.
int children() {
    std::atomic<bool> ends{false};
    (void)Allocator::find("sysmem");
    std::thread scans([&] {
        while (!ends) {
            (void)Allocator::resolve("nobody/0");
            (void)Allocator::register_allocator("plugin/0", AllocatorRef::adopt(new Plain));
        }
    });
    int hung = 0;
    for (int i = 0; i < 200; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(far_too_long / 4);
            (void)Allocator::register_allocator("plugin/child", AllocatorRef::adopt(new Plain));
            ::_exit(Allocator::resolve("nobody/1") || !Allocator::find("plugin/child") ? 1 : 0);
        }
        int status = 0;
        if (::waitpid(child, &status, 0) != child || status != 0) {
            ++hung;
            break;
        }
    }
    ends = true;
    scans.join();
    return hung == 0 ? 0 : failed("a child hung, or failed");
}

// Made before main(), and so destroyed after all that the library makes at its first use.
struct Last {
    bool uses_library = false;
    ~Last() {
        if (uses_library && (Allocator::resolve("test/nobody") || !Allocator::find("test/good")))
            ::_exit(failed("the library does not work at exit"));
    }
} last;

} // namespace

extern "C" [[gnu::visibility("default")]] void in_constructor() {
    resolving = 1;
    while (resolving == 1)
        sched_yield();
    // As far as it gets: to the linker's lock.
    for (int asleep = 0; asleep < 2000 && !resolved; sched_yield())
        asleep = sleeps(resolving) ? asleep + 1 : 0;
    (void)Allocator::register_allocator("plugin/0", AllocatorRef::adopt(new Plain));
    (void)Allocator::set_default(AllocatorRef(Allocator::find("sysmem")));
    (void)Allocator::resolve("plugin/nobody");
    (void)inventory();
    used = DeviceMonitor::open({}) && Allocator::find("plugin/0");
}

int main(int count, char** words) {
    ::alarm(far_too_long);
    const std::string what = count > 1 ? words[1] : "";
    if (what == "module")
        return module();
    if (what == "plugin" && count > 2)
        return plugin(words[2]);
    if (what == "exit") {
        last.uses_library = true;
        return Allocator::resolve("test/good") ? 0 : failed("no module");
    }
    return what == "fork" ? children() : failed("usage: foreign_code module | plugin FILE | fork | exit");
}
