#include "common/kernel.h"

#include <cerrno>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/standard_streams.h"

namespace hwalloc {
namespace {

template<class T>
T or_errno(T result) noexcept {
    return result < 0 ? static_cast<T>(-errno) : result;
}

constexpr KernelTable real = {
    .open = [](const char* path, int flags) { return above_standard_streams(or_errno(::open(path, flags))); },
    .close = [](int fd) { return or_errno(::close(fd)); },
    .ioctl = [](int fd, unsigned long request,
                void* argument) { return or_errno(::ioctl(fd, request, argument)); },
    .mmap =
        [](std::size_t length, int protection, int flags, int fd, off_t offset, void** address) {
            void* mapped = ::mmap(nullptr, length, protection, flags, fd, offset);
            if (mapped == MAP_FAILED)
                return -errno;
            *address = mapped;
            return 0;
        },
    .munmap = [](void* address, std::size_t length) { return or_errno(::munmap(address, length)); },
    .memfd_create =
        [](const char* name, unsigned flags) {
            return above_standard_streams(or_errno(::memfd_create(name, flags)));
        },
    .ftruncate = [](int fd, off_t length) { return or_errno(::ftruncate(fd, length)); },
    .fcntl = [](int fd, int command, long argument) { return or_errno(::fcntl(fd, command, argument)); },
    .fstat = [](int fd, struct stat* status) { return or_errno(::fstat(fd, status)); },
    .stat = [](const char* path, struct stat* status) { return or_errno(::stat(path, status)); },
    .fstatfs = [](int fd, struct statfs* status) { return or_errno(::fstatfs(fd, status)); },
    .lseek = [](int fd, off_t offset, int whence) { return or_errno(::lseek(fd, offset, whence)); },
    .poll = [](struct pollfd* fds, nfds_t count,
               int timeout_ms) { return or_errno(::poll(fds, count, timeout_ms)); },
    .read = [](int fd, void* buffer, std::size_t count) { return or_errno(::read(fd, buffer, count)); },
    .write = [](int fd, const void* data, std::size_t count) { return or_errno(::write(fd, data, count)); },
    .readlink = [](const char* path, char* buffer,
                   std::size_t size) { return or_errno(::readlink(path, buffer, size)); },
    .compare_files =
        [](int fd, int other) {
            const auto self = ::getpid();
            return static_cast<int>(or_errno(::syscall(SYS_kcmp, self, self, KCMP_FILE, fd, other)));
        },
    .list_directory =
        [](const char* path, bool (*each)(const char*, void*), void* user) {
            DIR* directory = ::opendir(path);
            if (!directory)
                return -errno;
            int failed = 0;
            for (;;) {
                errno = 0; // readdir tells its end and its failure alike
                const dirent* entry = ::readdir(directory);
                if (!entry) {
                    failed = errno;
                    break;
                }
                const char* name = entry->d_name;
                if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)))
                    continue;
                if (!each(name, user))
                    break;
            }
            ::closedir(directory);
            return -failed;
        },
    .getrlimit =
        [](int resource, rlim_t* limit) {
            struct rlimit both {};
            if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &both) < 0)
                return -errno;
            *limit = both.rlim_cur;
            return 0;
        },
    .monotonic_ns =
        []() {
            timespec now{};
            ::clock_gettime(CLOCK_MONOTONIC, &now);
            return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
        },
    .dlopen =
        [](const char* path, int flags, const char** why) {
            void* module = ::dlopen(path, flags);
            if (!module)
                *why = ::dlerror();
            return module;
        },
    .dlsym = [](void* module, const char* symbol) { return ::dlsym(module, symbol); },
};

} // namespace

constinit KernelTable kernel = real;

int move_above_standard_streams(int fd) noexcept {
    const int moved = kernel.fcntl(fd, F_DUPFD_CLOEXEC, first_free_fd);
    kernel.close(fd);
    return moved;
}

const KernelTable& real_kernel() noexcept {
    return real;
}

std::size_t page_size() noexcept {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); // no system call: the C library knows it
}

} // namespace hwalloc
