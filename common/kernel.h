// The kernel table: the one door through which the library reaches the kernel. Tests replace an entry to make
// the N-th call fail, or to count; nothing else in the library may call the C library's wrappers
// (tests/unit/imports_test holds every object file to that).
//
// Convention: an entry returns a value >= 0, or a negative errno; errno itself is neither read nor promised.
#pragma once

#include <dirent.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>

#include <cstddef>
#include <cstdint>

namespace hwalloc {

struct KernelTable {
    // Opens `path`; `flags` as open(2), O_CLOEXEC is the caller's to give. Returns a descriptor the caller
    // closes, which is none of the standard streams'.
    int (*open)(const char* path, int flags);
    int (*close)(int fd);
    int (*ioctl)(int fd, unsigned long request, void* argument);
    // Stores the address in `*address` and returns 0; on failure `*address` is not touched, so that
    // MAP_FAILED can never be taken for a mapping.
    int (*mmap)(std::size_t length, int protection, int flags, int fd, off_t offset, void** address);
    int (*munmap)(void* address, std::size_t length);
    // The descriptor is none of the standard streams'.
    int (*memfd_create)(const char* name, unsigned flags);
    int (*ftruncate)(int fd, off_t length);
    int (*fcntl)(int fd, int command, long argument);
    int (*fstat)(int fd, struct stat* status);
    int (*stat)(const char* path, struct stat* status);
    int (*fstatfs)(int fd, struct statfs* status);
    off_t (*lseek)(int fd, off_t offset, int whence);
    int (*poll)(struct pollfd* fds, nfds_t count, int timeout_ms);
    ssize_t (*read)(int fd, void* buffer, std::size_t count);
    ssize_t (*write)(int fd, const void* data, std::size_t count);
    ssize_t (*readlink)(const char* path, char* buffer, std::size_t size);
    // kcmp(2) on two descriptors of this process with KCMP_FILE: 0 when they are one open file, else more.
    int (*compare_files)(int fd, int other);
    // Calls `each(name, user)` for every entry of a directory except "." and ".."; stops when it returns
    // false. On failure some entries may have been told.
    int (*list_directory)(const char* path, bool (*each)(const char* name, void* user), void* user);
    // The soft limit of a resource (RLIMIT_FSIZE, ...); RLIM_INFINITY: there is none.
    int (*getrlimit)(int resource, rlim_t* limit);
    // Nanoseconds of CLOCK_MONOTONIC.
    std::int64_t (*monotonic_ns)();
    // dlopen(3) and dlsym(3): null on failure, and `*why` is the linker's own text, valid until the next
    // call.
    void* (*dlopen)(const char* path, int flags, const char** why);
    void* (*dlsym)(void* module, const char* symbol);
};

// The table in force. Replaced by tests only, while no other thread is in the library.
extern KernelTable kernel;

// The untouched table of real system calls.
const KernelTable& real_kernel() noexcept;

// The size of a page in bytes: asked for once, a power of two, not always 4096.
std::size_t page_size() noexcept;

} // namespace hwalloc
