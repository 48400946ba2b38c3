// What `hwalloc run` and the library that it preloads into programs have in common: a file in memory, in
// which the command says what to answer, and every process of the program counts what it answered.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hwalloc::preload {

// Where a process finds the file: a path below /proc. It goes on to the children of the program.
constexpr const char* table_variable = "HWALLOC_RUN_TABLE";
constexpr const char* table_name = "hwalloc-run"; // of the file, as memfd_create() has it

constexpr std::size_t most_heaps = 16;

// One thing that is answered by one allocator. Names end with a 0.
struct Answer {
    char node[64]; // "system", of /dev/dma_heap/system; empty for what video devices export
    char allocator[192];
};

struct Counts {
    std::atomic<std::uint64_t> opens, buffers, bytes, refused;
};

// Any process of the program can write to it, with fewer rights than another: what is to be answered is
// copied when a process begins, and only counted here from then on.
struct Table {
    std::uint64_t size; // of this struct: another build's is left alone
    char library[4096]; // libhwalloc, as the command has it
    std::uint32_t heaps;
    std::uint32_t log; // 1: each answer is told on standard error
    Answer heap[most_heaps];
    Answer v4l2_export; // without an allocator: left to the driver
    Counts heap_counts[most_heaps];
    Counts export_counts;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "several processes count in one place");

} // namespace hwalloc::preload
