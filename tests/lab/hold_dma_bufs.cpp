// Holds dma-bufs in every way there is, by the kernel's calls alone, and tells which: a line "WHAT INODE PID"
// for each holder, then "ready". Until its standard input ends. Root, in the lab.
//
//   descriptors  1 page    two descriptors, named
//   mappings     3 pages   two mappings, no descriptor
//   child        1 page    the same memory as descriptors, in a child that was forked
//   thread       1 page    the same, in a child whose first thread has ended
//   user         1 page    the same, in a program of user 65534
//   driver       7 pages   imported into vgem, and by no process
//   named        2 pages   by a name that would act on a terminal
#include <drm.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

constexpr std::size_t page = 4096;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

int heap_buffer(std::size_t bytes, const char* name = nullptr) {
    static const int heap = ::open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
    dma_heap_allocation_data request{.len = bytes, .fd = 0, .fd_flags = O_RDWR | O_CLOEXEC, .heap_flags = 0};
    if (::ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &request) < 0)
        fail("DMA_HEAP_IOCTL_ALLOC");
    const int fd = static_cast<int>(request.fd);
    if (name && ::ioctl(fd, DMA_BUF_SET_NAME_B, name) < 0)
        fail("DMA_BUF_SET_NAME");
    return fd;
}

void tell(const char* what, int fd, pid_t pid) {
    struct stat status {};
    if (::fstat(fd, &status) < 0)
        fail("fstat");
    std::printf("%s %lu %d\n", what, static_cast<unsigned long>(status.st_ino), pid);
}

constexpr int held = 200, not_ready = 201;

// A child that holds nothing but `fd`, as descriptor 200, and ends with its parent. It is waited for until it
// closes descriptor 201, or is another program.
template<class Doing>
pid_t child_with(int fd, Doing doing) {
    const pid_t parent = ::getpid();
    std::fflush(stdout);
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) < 0)
        fail("pipe2");
    const pid_t pid = ::fork();
    if (pid < 0)
        fail("fork");
    if (pid) {
        char none = 0;
        ::close(pipe[1]);
        if (::read(pipe[0], &none, 1) != 0)
            fail("a child");
        ::close(pipe[0]);
        return pid;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent)
        ::_exit(1);
    if (::dup2(fd, held) < 0 || ::dup3(pipe[1], not_ready, O_CLOEXEC) < 0)
        fail("dup");
    ::close_range(3, held - 1, 0);
    doing();
    ::close(not_ready);
    for (;;)
        ::pause();
}

// Until the first thread of this process is one that has ended.
void wait_for_first_thread() {
    for (char text[512]; true; ::usleep(10000)) {
        const int file = ::open("/proc/self/stat", O_RDONLY);
        const ssize_t got = ::read(file, text, sizeof text - 1);
        ::close(file);
        text[got > 0 ? got : 0] = '\0';
        const char* const name_end = std::strrchr(text, ')');
        if (name_end && std::strncmp(name_end, ") Z", 3) == 0)
            return;
    }
}

// The first of `driver`'s cards.
int card_of(const std::string& driver) {
    for (int number = 0; number < 8; ++number) {
        const int fd = ::open(("/dev/dri/card" + std::to_string(number)).c_str(), O_RDWR | O_CLOEXEC);
        char name[32] = "";
        drm_version version{};
        version.name = name;
        version.name_len = sizeof name - 1;
        if (fd >= 0 && ::ioctl(fd, DRM_IOCTL_VERSION, &version) == 0 && driver == name)
            return fd;
        if (fd >= 0)
            ::close(fd);
    }
    std::fprintf(stderr, "there is no card of %s\n", driver.c_str());
    std::exit(1);
}

} // namespace

int main() {
    const pid_t self = ::getpid();
    const int named = heap_buffer(2 * page, "red\x1b[31m\nexp_name:\tno");
    tell("named", named, self);

    const int mapped = heap_buffer(3 * page);
    for (std::size_t pages = 1; pages <= 2; ++pages)
        if (::mmap(nullptr, pages * page, PROT_READ, MAP_SHARED, mapped, 0) == MAP_FAILED)
            fail("mmap");
    tell("mappings", mapped, self);
    ::close(mapped);

    const int imported = heap_buffer(7 * page);
    const int vgem = card_of("vgem");
    drm_prime_handle handle{.handle = 0, .flags = 0, .fd = imported};
    if (::ioctl(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &handle) != 0)
        fail("DRM_IOCTL_PRIME_FD_TO_HANDLE");
    tell("driver", imported, 0);
    ::close(imported);

    const int fd = heap_buffer(page, "shared");
    if (::dup(fd) < 0)
        fail("dup");
    tell("descriptors", fd, self);
    tell("child", fd, child_with(fd, [] {}));
    tell("thread", fd, child_with(fd, [] {
             std::thread([] {
                 wait_for_first_thread();
                 ::close(not_ready);
                 for (;;)
                     ::pause();
             }).detach();
             ::pthread_exit(nullptr);
         }));
    tell("user", fd, child_with(fd, [] {
             if (::setgid(65534) < 0 || ::setuid(65534) < 0)
                 fail("setuid");
             ::prctl(PR_SET_PDEATHSIG, SIGKILL); // which another user's process has to ask for anew
             ::execlp("sleep", "sleep", "1000", nullptr);
         }));
    std::puts("ready");
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    // The children end with this process.
}
