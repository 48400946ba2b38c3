// The functions of libc that stand in front of the kernel's: what is none of the command's business goes on
// as it came.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cstdarg>

#include "tools/preload/answers.h"

using namespace hwalloc::preload;

namespace {

// libc's own, looked up once.
template<class Function>
Function* next(std::atomic<void*>& known, const char* name) noexcept {
    void* found = known.load(std::memory_order_relaxed);
    if (!found) {
        found = ::dlsym(RTLD_NEXT, name);
        known.store(found, std::memory_order_relaxed);
    }
    return reinterpret_cast<Function*>(found);
}

bool has_mode(int flags) noexcept {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

// What an open of a heap is answered with; null: it is none, or is for something else than to use it.
Row* heap_to_open(int directory, const char* path, int flags) noexcept {
    if (flags & (O_PATH | O_DIRECTORY) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return nullptr;
    return heap_at(directory, path);
}

using Open = int(const char*, int, ...);
using OpenAt = int(int, const char*, int, ...);
using Open2 = int(const char*, int);
using OpenAt2 = int(int, const char*, int);
using Ioctl = int(int, unsigned long, void*);

int answer_ioctl(int fd, unsigned long request, void* argument, Ioctl* libc) noexcept {
    // Whatever the size of the struct. On some systems the request comes as an int, with its sign.
    const unsigned long number = request & 0xffffffffUL;
    if (_IOC_TYPE(number) == DMA_HEAP_IOC_MAGIC && _IOC_NR(number) == _IOC_NR(DMA_HEAP_IOCTL_ALLOC)) {
        if (Row* const heap = heap_of(fd))
            return answer_heap_alloc(*heap, number, argument);
    } else if (_IOC_TYPE(number) == 'V' && !OwnCalls::are_made() && table() &&
               table()->v4l2_export.allocator[0]) {
        if (number == VIDIOC_EXPBUF)
            return answer_export(table()->v4l2_export, fd, argument);
        if (number == VIDIOC_QBUF && refuses_queue(fd, argument))
            return -1;
        if (number == VIDIOC_REQBUFS)
            forget_queue(fd);
    }
    return libc(fd, request, argument);
}

} // namespace

// NOLINTBEGIN: names and forms are libc's
#define HWALLOC_STANDS_FOR extern "C" [[gnu::visibility("default")]]

#define HWALLOC_MODE_OF(flags)                                                                               \
    mode_t mode = 0;                                                                                         \
    if (has_mode(flags)) {                                                                                   \
        std::va_list rest;                                                                                   \
        va_start(rest, flags);                                                                               \
        mode = va_arg(rest, mode_t);                                                                         \
        va_end(rest);                                                                                        \
    }

#define HWALLOC_OPEN(name)                                                                                   \
    HWALLOC_STANDS_FOR int name(const char* path, int flags, ...) {                                          \
        static std::atomic<void*> known;                                                                     \
        HWALLOC_MODE_OF(flags)                                                                               \
        if (Row* const heap = heap_to_open(AT_FDCWD, path, flags))                                           \
            return open_heap(*heap, flags);                                                                  \
        return next<Open>(known, #name)(path, flags, mode);                                                  \
    }
#define HWALLOC_OPENAT(name)                                                                                 \
    HWALLOC_STANDS_FOR int name(int directory, const char* path, int flags, ...) {                           \
        static std::atomic<void*> known;                                                                     \
        HWALLOC_MODE_OF(flags)                                                                               \
        if (Row* const heap = heap_to_open(directory, path, flags))                                          \
            return open_heap(*heap, flags);                                                                  \
        return next<OpenAt>(known, #name)(directory, path, flags, mode);                                     \
    }
// What _FORTIFY_SOURCE makes of them.
#define HWALLOC_OPEN_2(name)                                                                                 \
    HWALLOC_STANDS_FOR int name(const char* path, int flags) {                                               \
        static std::atomic<void*> known;                                                                     \
        if (Row* const heap = heap_to_open(AT_FDCWD, path, flags))                                           \
            return open_heap(*heap, flags);                                                                  \
        return next<Open2>(known, #name)(path, flags);                                                       \
    }
#define HWALLOC_OPENAT_2(name)                                                                               \
    HWALLOC_STANDS_FOR int name(int directory, const char* path, int flags) {                                \
        static std::atomic<void*> known;                                                                     \
        if (Row* const heap = heap_to_open(directory, path, flags))                                          \
            return open_heap(*heap, flags);                                                                  \
        return next<OpenAt2>(known, #name)(directory, path, flags);                                          \
    }
#define HWALLOC_IOCTL(name)                                                                                  \
    HWALLOC_STANDS_FOR int name(int fd, unsigned long request, ...) {                                        \
        static std::atomic<void*> known;                                                                     \
        std::va_list rest;                                                                                   \
        va_start(rest, request);                                                                             \
        void* const argument = va_arg(rest, void*);                                                          \
        va_end(rest);                                                                                        \
        return answer_ioctl(fd, request, argument, next<Ioctl>(known, #name));                               \
    }

HWALLOC_OPEN(open)
HWALLOC_OPEN(open64)
HWALLOC_OPENAT(openat)
HWALLOC_OPENAT(openat64)
HWALLOC_OPEN_2(__open_2)
HWALLOC_OPEN_2(__open64_2)
HWALLOC_OPENAT_2(__openat_2)
HWALLOC_OPENAT_2(__openat64_2)
HWALLOC_IOCTL(ioctl)
// Where times of 64 bits are asked for on a system of 32.
#if __SIZEOF_LONG__ == 4
HWALLOC_IOCTL(__ioctl_time64)
#endif
// NOLINTEND
