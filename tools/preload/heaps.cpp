// Opens of heaps, and what they allocate.
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/preload/answers.h"

namespace hwalloc::preload {
namespace {

constexpr const char* heaps_directory = "/dev/dma_heap";
constexpr const char* prefix = "hwalloc-run:"; // of the names of files that stand for heaps

// Where a descriptor leads, or the working directory; empty where nobody knows.
bool path_of(int fd, char (&path)[PATH_MAX]) noexcept {
    char link[40] = "/proc/self/cwd";
    if (fd != AT_FDCWD)
        std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = ::readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    return length > 0;
}

// "a//b/./c" and "a/b/c" are one path; ".." and links are left alone.
void simplify(char* path) noexcept {
    char* to = path;
    for (const char* from = path; *from;) {
        const bool slash = *from == '/';
        if (slash && from[1] == '/')
            ++from;
        else if (slash && from[1] == '.' && (from[2] == '/' || !from[2]))
            from += 2;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

// A process that cannot see the table any more, as one of another user or in another namespace, or after the
// command ended.
void tell_what_is_lost() noexcept {
    static std::atomic<bool> told{false};
    if (std::getenv(table_variable) && !told.exchange(true, std::memory_order_relaxed))
        tell("this process does not see what to answer: it is another user's or in another namespace, or "
             "`hwalloc run` has ended; "
             "its heaps are the kernel's");
}

} // namespace

const Row* heap_at(int directory, const char* path) noexcept {
    const Settings* const rows = path && !OwnCalls::are_made() ? settings() : nullptr;
    if (!rows) {
        if (path && !OwnCalls::are_made() &&
            std::strncmp(path, heaps_directory, std::strlen(heaps_directory)) == 0)
            tell_what_is_lost();
        return nullptr;
    }
    const char* const slash = std::strrchr(path, '/');
    const char* const name = slash ? slash + 1 : path;
    const Row* row = nullptr;
    for (std::uint32_t i = 0; i < rows->heaps && !row; ++i)
        if (std::strcmp(rows->heap[i].answer.node, name) == 0)
            row = &rows->heap[i];
    if (!row)
        return nullptr;
    const int before = errno;
    char whole[2 * PATH_MAX] = "", base[PATH_MAX];
    if (path[0] != '/' && path_of(directory, base))
        std::snprintf(whole, sizeof whole, "%s/", base);
    std::strncat(whole, path, sizeof whole - std::strlen(whole) - 1);
    simplify(whole);
    const std::size_t length = std::strlen(heaps_directory);
    const bool there = std::strncmp(whole, heaps_directory, length) == 0 && whole[length] == '/' &&
                       std::strcmp(whole + length + 1, name) == 0;
    errno = before;
    return there ? row : nullptr;
}

int open_heap(const Row& heap, int flags) noexcept {
    char name[sizeof heap.answer.node + 16];
    std::snprintf(name, sizeof name, "%s%s", prefix, heap.answer.node);
    const int fd = ::memfd_create(name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0U);
    if (fd < 0)
        return -1;
    heap.counts->opens.fetch_add(1, std::memory_order_relaxed);
    if (settings()->log)
        tell("%s/%s is opened: %s, descriptor %d", heaps_directory, heap.answer.node, heap.answer.allocator,
             fd);
    return fd;
}

const Row* heap_of(int fd) noexcept {
    const Settings* const rows = OwnCalls::are_made() ? nullptr : settings();
    const int before = errno;
    char path[PATH_MAX];
    const bool known = rows && path_of(fd, path);
    errno = before;
    for (std::uint32_t i = 0; known && i < rows->heaps; ++i) {
        char wanted[sizeof rows->heap[i].answer.node + 48];
        std::snprintf(wanted, sizeof wanted, "/memfd:%s%s (deleted)", prefix, rows->heap[i].answer.node);
        if (std::strcmp(path, wanted) == 0)
            return &rows->heap[i];
    }
    return nullptr;
}

int answer_heap_alloc(const Row& heap, unsigned long request, void* argument) noexcept {
    if (!argument) {
        errno = EFAULT;
        return -1;
    }
    // Programs of other kernels have a shorter or a longer struct.
    dma_heap_allocation_data data{};
    const std::size_t theirs = _IOC_SIZE(request), size = theirs < sizeof data ? theirs : sizeof data;
    std::memcpy(&data, argument, size);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const bool fits = data.len && data.len <= SIZE_MAX - (page - 1);
    char asked[sizeof heap.answer.node + 48];
    std::snprintf(asked, sizeof asked, "DMA_HEAP_IOCTL_ALLOC of %s", heap.answer.node);
    if (data.fd || (data.fd_flags & ~static_cast<__u32>(DMA_HEAP_VALID_FD_FLAGS)) ||
        (data.heap_flags & ~static_cast<__u64>(DMA_HEAP_VALID_HEAP_FLAGS)) || !fits)
        return refuse_as_kernel(heap, asked);
    const std::size_t bytes = (static_cast<std::size_t>(data.len) + page - 1) / page * page;
    const int fd = make_dma_buf(heap, asked, bytes, (data.fd_flags & O_CLOEXEC) != 0);
    if (fd < 0)
        return -1;
    data.fd = static_cast<__u32>(fd);
    std::memcpy(argument, &data, size);
    return 0;
}

} // namespace hwalloc::preload
