// What a program is answered in place of the kernel. Nothing here is thrown, and errno is as a call leaves
// it.
#pragma once

#include <cstddef>

#include "tools/preload/table.h"

namespace hwalloc::preload {

// An Answer, and where it is counted.
struct Row {
    Answer answer;
    Counts* counts;
};

// What the command that runs this process wants answered.
struct Settings {
    char library[4096];
    bool log;
    std::uint32_t heaps;
    Row heap[most_heaps];
    Row v4l2_export;
};
// Null: there is none, and nothing is answered.
const Settings* settings() noexcept;

// While one lives, this thread's calls are the library's own, and go to the kernel.
class OwnCalls {
public:
    OwnCalls() noexcept;
    ~OwnCalls();
    OwnCalls(const OwnCalls&) = delete;
    OwnCalls& operator=(const OwnCalls&) = delete;
    // Of this thread, now.
    static bool are_made() noexcept;
};

// The row of the heap that `path`, as openat() takes it, leads to by its name; null: it is none of those.
const Row* heap_at(int directory, const char* path) noexcept;
// A descriptor that stands for the heap: an empty file in memory, known by its name wherever it is handed on.
// -1 and errno, when there can be none.
int open_heap(const Row& heap, int flags) noexcept;
// The heap that a descriptor stands for, or null.
const Row* heap_of(int fd) noexcept;

// DMA_HEAP_IOCTL_ALLOC with a struct of any size, as drivers/dma-buf/dma-heap.c has it: 0, or -1 and errno.
int answer_heap_alloc(const Row& heap, unsigned long request, void* argument) noexcept;

// VIDIOC_EXPBUF: memory of the row's allocator, as large as the buffer. The driver's own buffer is not what
// is exported, so the queue cannot capture into its own any more: refuses_queue() says of VIDIOC_QBUF, with
// `size` bytes at `buffer`, whether that would happen. forget_queue(): the queue of that type has other
// buffers from now on.
int answer_export(const Row& row, int fd, void* argument) noexcept;
bool refuses_queue(int fd, const void* buffer, std::size_t size) noexcept;
void forget_queue(int fd, unsigned type) noexcept;

// New memory, exported: the descriptor, or -1 and errno; counted and told.
int make_dma_buf(const Row& row, const char* asked, std::size_t bytes, bool close_on_exec) noexcept;
// The same for what the kernel would refuse, too: -1 and EINVAL.
int refuse_as_kernel(const Row& row, const char* asked) noexcept;

// A line on the standard error that the process began with, which begins with the command's name; none where
// something else has that descriptor now.
[[gnu::format(printf, 1, 2)]] void tell(const char* format, ...) noexcept;

} // namespace hwalloc::preload
