// What a program is answered in place of the kernel. Nothing here is thrown, and errno is as a call leaves
// it.
#pragma once

#include "tools/preload/table.h"

namespace hwalloc::preload {

// The table of the command that runs this process; null: there is none, and nothing is answered.
Table* table() noexcept;

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
Row* heap_at(int directory, const char* path) noexcept;
// A descriptor that stands for the heap: an empty file in memory, known by its name wherever it is handed on.
// -1 and errno, when there can be none.
int open_heap(Row& heap, int flags) noexcept;
// The heap that a descriptor stands for, or null.
Row* heap_of(int fd) noexcept;

// DMA_HEAP_IOCTL_ALLOC with a struct of any size, as drivers/dma-buf/dma-heap.c has it: 0, or -1 and errno.
int answer_heap_alloc(Row& heap, unsigned long request, void* argument) noexcept;

// VIDIOC_EXPBUF: memory of the row's allocator, as large as the buffer. The driver's own buffer is not what
// is exported, so the queue cannot capture into its own any more: refuses_queue() says of VIDIOC_QBUF whether
// that would happen.
int answer_export(Row& row, int fd, void* argument) noexcept;
bool refuses_queue(int fd, const void* buffer) noexcept;
void forget_queue(int fd) noexcept; // VIDIOC_REQBUFS: it has other buffers from now on

// New memory, exported: the descriptor, or -1 and errno; counted and told.
int make_dma_buf(Row& row, const char* asked, std::size_t bytes, bool close_on_exec) noexcept;
// A line on standard error, which begins with the command's name.
[[gnu::format(printf, 1, 2)]] void tell(const char* format, ...) noexcept;

} // namespace hwalloc::preload
