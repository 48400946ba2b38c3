// Preloaded into a program that captures (LD_PRELOAD), counts what it allocates, maps and copies for its
// frames, by whose code asks for it: the witness against a program's own report. COUNT_CALLS=FILE,FIRST,LAST:
// counts from the FIRST frame that it dequeues to the LAST, so that what is set up once is out of sight, and
// writes "OBJECT WHAT COUNT BYTES" lines to FILE when the program ends, "nobody frames COUNT 0" among them.
// OBJECT is the file whose code made the call. Calls within the C library are not seen, so what a function of
// its does for its caller is not counted: strace sees the mappings of those.
#include <dlfcn.h>
#include <link.h>
#include <linux/videodev2.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// The C library's own, which nothing can have replaced.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);
}

namespace {

enum What { allocation, mapping, copying, whats };
constexpr const char* names[whats] = {"allocation", "mapping", "copying"};

struct Count {
    std::atomic<std::uint64_t> calls, bytes;
};

// A loaded file: found by an address in it, known by its name for ever.
struct Object {
    std::atomic<std::uintptr_t> first, last;
    char name[256];
    Count counts[whats];
};
constexpr int most = 256;
Object objects[most];
std::atomic<int> known{1}; // objects[0]: nobody's code (written at run time)
std::atomic_flag adding = ATOMIC_FLAG_INIT;
thread_local bool inside = false; // what the counting itself does is not counted
// COUNT_CALLS; frames are counted by whoever dequeues them.
char path[4096];
unsigned long first_frame = ~0ul, last_frame = 0, frames = 0;
std::atomic<bool> counting{false};

__attribute__((constructor)) void configure() {
    if (const char* wanted = std::getenv("COUNT_CALLS"))
        std::sscanf(wanted, "%4095[^,],%lu,%lu", path, &first_frame, &last_frame);
}

Object* find(std::uintptr_t address) {
    const int count = known.load(std::memory_order_acquire);
    for (int i = 1; i < count; ++i)
        if (address >= objects[i].first && address < objects[i].last)
            return &objects[i];
    return nullptr;
}

int add_if_there(dl_phdr_info* info, std::size_t, void* wanted) {
    const std::uintptr_t address = *static_cast<std::uintptr_t*>(wanted);
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr)& part = info->dlpi_phdr[i];
        const std::uintptr_t first = info->dlpi_addr + part.p_vaddr;
        if (part.p_type != PT_LOAD || !(part.p_flags & PF_X) || address < first ||
            address >= first + part.p_memsz)
            continue;
        const int at = known.load();
        if (at == most)
            return 1;
        const char* name = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "program";
        std::snprintf(objects[at].name, sizeof objects[at].name, "%s", name);
        objects[at].first = first;
        objects[at].last = first + part.p_memsz;
        known.store(at + 1, std::memory_order_release);
        return 1;
    }
    return 0;
}

void count(What what, const void* caller, std::size_t bytes) {
    if (inside || !counting.load(std::memory_order_relaxed))
        return;
    inside = true;
    auto address = reinterpret_cast<std::uintptr_t>(caller);
    Object* object = find(address);
    if (!object) {
        while (adding.test_and_set())
            ;
        if (!find(address))
            ::dl_iterate_phdr(add_if_there, &address);
        adding.clear();
        object = find(address);
    }
    Count& at = (object ? object : &objects[0])->counts[what];
    at.calls.fetch_add(1, std::memory_order_relaxed);
    at.bytes.fetch_add(bytes, std::memory_order_relaxed);
    inside = false;
}

__attribute__((destructor)) void report() {
    inside = true;
    counting = false;
    std::FILE* file = *path ? std::fopen(path, "w") : nullptr;
    if (!file)
        return;
    if (frames >= last_frame)
        std::fprintf(file, "nobody frames %lu 0\n", last_frame - first_frame);
    for (int i = 0; i < known; ++i)
        for (int what = 0; what < whats; ++what)
            if (const Count& at = objects[i].counts[what]; at.calls)
                std::fprintf(file, "%s %s %llu %llu\n", i ? objects[i].name : "nobody", names[what],
                             static_cast<unsigned long long>(at.calls),
                             static_cast<unsigned long long>(at.bytes));
    std::fclose(file);
}

// Byte by byte, written so that no compiler makes a call of memcpy out of it.
void* copy(void* target, const void* source, std::size_t size, bool backwards) {
    auto* to = static_cast<volatile unsigned char*>(target);
    const auto* from = static_cast<const unsigned char*>(source);
    if (backwards)
        while (size--)
            to[size] = from[size];
    else
        for (std::size_t i = 0; i < size; ++i)
            to[i] = from[i];
    return target;
}

} // namespace

#define COUNTED extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

COUNTED void* malloc(std::size_t size) noexcept {
    count(allocation, CALLER, size);
    return __libc_malloc(size);
}
COUNTED void* calloc(std::size_t number, std::size_t size) noexcept {
    count(allocation, CALLER, number * size);
    return __libc_calloc(number, size);
}
COUNTED void* realloc(void* memory, std::size_t size) noexcept {
    count(allocation, CALLER, size);
    return __libc_realloc(memory, size);
}
COUNTED void* memalign(std::size_t align, std::size_t size) noexcept {
    count(allocation, CALLER, size);
    return __libc_memalign(align, size);
}
COUNTED void* aligned_alloc(std::size_t align, std::size_t size) noexcept {
    count(allocation, CALLER, size);
    return __libc_memalign(align, size);
}
COUNTED int posix_memalign(void** memory, std::size_t align, std::size_t size) noexcept {
    count(allocation, CALLER, size);
    *memory = __libc_memalign(align, size);
    return *memory ? 0 : ENOMEM;
}
COUNTED void* mmap(void* at, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
    count(mapping, CALLER, size);
    return reinterpret_cast<void*>(::syscall(SYS_mmap, at, size, protection, flags, fd, offset));
}
COUNTED void* mmap64(void* at, std::size_t size, int protection, int flags, int fd, off64_t offset) noexcept {
    count(mapping, CALLER, size);
    return reinterpret_cast<void*>(::syscall(SYS_mmap, at, size, protection, flags, fd, offset));
}
COUNTED void* memcpy(void* target, const void* source, std::size_t size) noexcept {
    count(copying, CALLER, size);
    return copy(target, source, size, false);
}
COUNTED void* memmove(void* target, const void* source, std::size_t size) noexcept {
    count(copying, CALLER, size);
    return copy(target, source, size, target > source);
}
COUNTED int ioctl(int fd, unsigned long request, ...) noexcept {
    va_list rest;
    va_start(rest, request);
    void* argument = va_arg(rest, void*);
    va_end(rest);
    const long result = ::syscall(SYS_ioctl, fd, request, argument);
    if (result == 0 && request == VIDIOC_DQBUF) {
        ++frames;
        counting = frames >= first_frame && frames < last_frame;
    }
    return static_cast<int>(result);
}
