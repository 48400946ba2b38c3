// Preloaded after count_calls.so, it spends on every frame what no frame should: an allocation, a mapping and
// a copy, whenever the program waits for the camera. For showing that the counter sees them.
#include <dlfcn.h>
#include <poll.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace {

constexpr std::size_t piece = 1000;
char source[piece], target[piece];

void spend() {
    void* volatile memory = std::malloc(piece); // volatile: no compiler leaves it out
    std::free(memory);
    munmap(mmap(nullptr, piece, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), piece);
    void* (*volatile copy)(void*, const void*, std::size_t) = std::memcpy;
    copy(target, source, piece);
}

} // namespace

extern "C" __attribute__((visibility("default"))) int poll(pollfd* files, nfds_t count, int timeout) {
    static const auto real = reinterpret_cast<decltype(&poll)>(dlsym(RTLD_NEXT, "poll"));
    spend();
    return real(files, count, timeout);
}
