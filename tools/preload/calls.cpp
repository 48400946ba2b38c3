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

// libc's own. Looked up before the program begins, since it may call them in a signal handler; the linker may
// call them earlier.
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
const Row* heap_to_open(int directory, const char* path, int flags) noexcept {
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
        if (const Row* const heap = heap_of(fd))
            return answer_heap_alloc(*heap, number, argument);
    } else if (_IOC_TYPE(number) == 'V' && !OwnCalls::are_made() && settings() &&
               settings()->v4l2_export.answer.allocator[0]) {
        if (number == VIDIOC_EXPBUF)
            return answer_export(settings()->v4l2_export, fd, argument);
        // Its size tells how wide its time is.
        if (_IOC_NR(number) == _IOC_NR(VIDIOC_QBUF) && refuses_queue(fd, argument, _IOC_SIZE(number)))
            return -1;
        const int result = libc(fd, request, argument);
        if (result == 0 && number == VIDIOC_REQBUFS)
            forget_queue(fd, static_cast<const v4l2_requestbuffers*>(argument)->type);
        // The first buffers of a queue: it is another file's, or has been emptied.
        const auto* const created = static_cast<const v4l2_create_buffers*>(argument);
        if (result == 0 && number == VIDIOC_CREATE_BUFS && created->index == 0 && created->count)
            forget_queue(fd, created->format.type);
        return result;
    }
    return libc(fd, request, argument);
}

} // namespace

// NOLINTBEGIN: names and forms are libc's
#define HWALLOC_KNOWN(name) std::atomic<void*> known_##name;
#define HWALLOC_LOOK_UP(name) (void)next<void()>(known_##name, #name);
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
        HWALLOC_MODE_OF(flags)                                                                               \
        if (const Row* const heap = heap_to_open(AT_FDCWD, path, flags))                                     \
            return open_heap(*heap, flags);                                                                  \
        return next<Open>(known_##name, #name)(path, flags, mode);                                           \
    }
#define HWALLOC_OPENAT(name)                                                                                 \
    HWALLOC_STANDS_FOR int name(int directory, const char* path, int flags, ...) {                           \
        HWALLOC_MODE_OF(flags)                                                                               \
        if (const Row* const heap = heap_to_open(directory, path, flags))                                    \
            return open_heap(*heap, flags);                                                                  \
        return next<OpenAt>(known_##name, #name)(directory, path, flags, mode);                              \
    }
// What _FORTIFY_SOURCE makes of them.
#define HWALLOC_OPEN_2(name)                                                                                 \
    HWALLOC_STANDS_FOR int name(const char* path, int flags) {                                               \
        if (const Row* const heap = heap_to_open(AT_FDCWD, path, flags))                                     \
            return open_heap(*heap, flags);                                                                  \
        return next<Open2>(known_##name, #name)(path, flags);                                                \
    }
#define HWALLOC_OPENAT_2(name)                                                                               \
    HWALLOC_STANDS_FOR int name(int directory, const char* path, int flags) {                                \
        if (const Row* const heap = heap_to_open(directory, path, flags))                                    \
            return open_heap(*heap, flags);                                                                  \
        return next<OpenAt2>(known_##name, #name)(directory, path, flags);                                   \
    }
#define HWALLOC_IOCTL(name)                                                                                  \
    HWALLOC_STANDS_FOR int name(int fd, unsigned long request, ...) {                                        \
        std::va_list rest;                                                                                   \
        va_start(rest, request);                                                                             \
        void* const argument = va_arg(rest, void*);                                                          \
        va_end(rest);                                                                                        \
        return answer_ioctl(fd, request, argument, next<Ioctl>(known_##name, #name));                        \
    }

#if __SIZEOF_LONG__ == 4 // where times of 64 bits are asked for
#define HWALLOC_IOCTLS(each) each(ioctl) each(__ioctl_time64)
#else
#define HWALLOC_IOCTLS(each) each(ioctl)
#endif
#define HWALLOC_OPENS(each) each(open) each(open64)
#define HWALLOC_OPENATS(each) each(openat) each(openat64)
#define HWALLOC_OPENS_2(each) each(__open_2) each(__open64_2)
#define HWALLOC_OPENATS_2(each) each(__openat_2) each(__openat64_2)

namespace {
HWALLOC_OPENS(HWALLOC_KNOWN)
HWALLOC_OPENATS(HWALLOC_KNOWN)
HWALLOC_OPENS_2(HWALLOC_KNOWN)
HWALLOC_OPENATS_2(HWALLOC_KNOWN)
HWALLOC_IOCTLS(HWALLOC_KNOWN)

[[gnu::constructor]] void look_up() noexcept {
    HWALLOC_OPENS(HWALLOC_LOOK_UP)
    HWALLOC_OPENATS(HWALLOC_LOOK_UP)
    HWALLOC_OPENS_2(HWALLOC_LOOK_UP)
    HWALLOC_OPENATS_2(HWALLOC_LOOK_UP)
    HWALLOC_IOCTLS(HWALLOC_LOOK_UP)
}
} // namespace

HWALLOC_OPENS(HWALLOC_OPEN)
HWALLOC_OPENATS(HWALLOC_OPENAT)
HWALLOC_OPENS_2(HWALLOC_OPEN_2)
HWALLOC_OPENATS_2(HWALLOC_OPENAT_2)
HWALLOC_IOCTLS(HWALLOC_IOCTL)
// NOLINTEND
