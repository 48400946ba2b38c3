// Memory for what is answered, by the C interface of the library, which is loaded when the first is wanted: a
// program that opens no heap stays as it was.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "hwalloc/hwalloc.h"
#include "tools/preload/answers.h"

namespace hwalloc::preload {
namespace {

thread_local int own_calls = 0;

struct Library {
    decltype(&::hwalloc_resolve) resolve = nullptr;
    decltype(&::hwalloc_alloc) alloc = nullptr;
    decltype(&::hwalloc_memory_export_fd) export_fd = nullptr;
    decltype(&::hwalloc_memory_unref) unref = nullptr;
    decltype(&::hwalloc_error_message) message = nullptr;
    decltype(&::hwalloc_error_code) code = nullptr;
    decltype(&::hwalloc_error_domain) domain = nullptr;
    decltype(&::hwalloc_error_free) free = nullptr;
    decltype(&::hwalloc_close_idle_devices) close_idle_devices = nullptr;
    bool complete = false;
};

template<class Function>
bool look_up(void* library, const char* name, Function& function) noexcept {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
}

Library load() noexcept {
    Library found;
    void* const library = ::dlopen(settings()->library, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        tell("%s", ::dlerror());
        return found;
    }
    found.complete = look_up(library, "hwalloc_resolve", found.resolve) &&
                     look_up(library, "hwalloc_alloc", found.alloc) &&
                     look_up(library, "hwalloc_memory_export_fd", found.export_fd) &&
                     look_up(library, "hwalloc_memory_unref", found.unref) &&
                     look_up(library, "hwalloc_error_message", found.message) &&
                     look_up(library, "hwalloc_error_code", found.code) &&
                     look_up(library, "hwalloc_error_domain", found.domain) &&
                     look_up(library, "hwalloc_error_free", found.free) &&
                     look_up(library, "hwalloc_close_idle_devices", found.close_idle_devices);
    if (!found.complete)
        tell("%s lacks the interface for C", settings()->library);
    return found;
}

// Threads that come at once may load it twice, which is once for the linker.
const Library* library() noexcept {
    static std::atomic<int> state{0}; // 1: somebody fills it, 2: it is there
    static constinit Library loaded;
    if (state.load(std::memory_order_acquire) == 2)
        return loaded.complete ? &loaded : nullptr;
    const Library mine = load();
    int none = 0;
    if (state.compare_exchange_strong(none, 1)) {
        loaded = mine;
        state.store(2, std::memory_order_release);
    }
    while (state.load(std::memory_order_acquire) != 2)
        ::usleep(100);
    return loaded.complete ? &loaded : nullptr;
}

// The kernel's number for the program, the story for whoever runs it.
int refuse(const Row& row, const char* asked, const Library& library, int result,
           hwalloc_error* error) noexcept {
    row.counts->refused.fetch_add(1, std::memory_order_relaxed);
    tell("%s was refused: %s", asked, library.message(error));
    const bool systems =
        error && library.domain(error) == HWALLOC_ERROR_DOMAIN_SYSTEM && library.code(error) > 0;
    const int number = systems ? library.code(error) : -result;
    library.free(error);
    errno = number;
    return -1;
}

} // namespace

OwnCalls::OwnCalls() noexcept {
    ++own_calls;
}
OwnCalls::~OwnCalls() {
    --own_calls;
}
bool OwnCalls::are_made() noexcept {
    return own_calls > 0;
}

int make_dma_buf(const Row& row, const char* asked, std::size_t bytes, bool close_on_exec) noexcept {
    const OwnCalls guard;
    const Library* const call = library();
    if (!call) {
        row.counts->refused.fetch_add(1, std::memory_order_relaxed);
        errno = ENOMEM;
        return -1;
    }
    hwalloc_error* error = nullptr;
    hwalloc_allocator* allocator = nullptr;
    hwalloc_memory* memory = nullptr;
    int fd = -1;
    int result = call->resolve(row.answer.allocator, &allocator, &error);
    if (result >= 0)
        result = call->alloc(allocator, bytes, nullptr, &memory, &error);
    if (result >= 0)
        result = call->export_fd(memory, HWALLOC_FD_DMABUF, &fd, &error);
    if (memory)
        call->unref(memory); // the descriptor keeps the storage
    // A program may close what it did not open, and the number be a file of its own by the next time.
    call->close_idle_devices();
    if (result < 0)
        return refuse(row, asked, *call, result, error);
    if (!close_on_exec)
        ::fcntl(fd, F_SETFD, 0);
    row.counts->buffers.fetch_add(1, std::memory_order_relaxed);
    row.counts->bytes.fetch_add(bytes, std::memory_order_relaxed);
    if (settings()->log)
        tell("%s, %zu bytes: %s, descriptor %d", asked, bytes, row.answer.allocator, fd);
    return fd;
}

int refuse_as_kernel(const Row& row, const char* asked) noexcept {
    row.counts->refused.fetch_add(1, std::memory_order_relaxed);
    tell("%s was refused, as the kernel does: no length, or flags that it does not know", asked);
    errno = EINVAL;
    return -1;
}

} // namespace hwalloc::preload
