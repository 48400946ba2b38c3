// Map and unmap of a memfd that stays mapped between uses: our memfd allocator, and GStreamer's memory around
// an fd with KEEP_MAPPED. The first map, which calls mmap, is made before the clock runs.
#include <gst/allocators/gstfdmemory.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

namespace {

void ours(benchmark::State& state) {
    auto allocator = hwalloc::Allocator::resolve("memfd");
    if (!allocator)
        return bench::fail(state, allocator.error());
    auto memory = (*allocator)->alloc(bench::size_of(state));
    if (!memory)
        return bench::fail(state, memory.error());
    if (auto first = (*memory)->map(hwalloc::MapFlags::readwrite); !first)
        return bench::fail(state, first.error());
    hwalloc::MapInfo info;
    for (auto _ : state) {
        if (!(*memory)->map(info, hwalloc::MapFlags::readwrite)) {
            state.SkipWithError("hwalloc does not map");
            break;
        }
        if (!(*memory)->unmap(info)) {
            state.SkipWithError("hwalloc does not unmap");
            break;
        }
    }
}

void peer(benchmark::State& state) {
    const std::size_t size = bench::size_of(state);
    const int fd = memfd_create("hwalloc-bench", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, static_cast<off_t>(size)) != 0)
        return state.SkipWithError("there is no memfd to wrap");
    GstAllocator* allocator = gst_fd_allocator_new();
    GstMemory* memory = gst_fd_allocator_alloc(allocator, fd, size, GST_FD_MEMORY_FLAG_KEEP_MAPPED);
    GstMapInfo info;
    if (gst_memory_map(memory, &info, GST_MAP_READWRITE))
        gst_memory_unmap(memory, &info);
    for (auto _ : state) {
        if (!gst_memory_map(memory, &info, GST_MAP_READWRITE)) {
            state.SkipWithError("GStreamer does not map");
            break;
        }
        gst_memory_unmap(memory, &info);
    }
    gst_memory_unref(memory);
    gst_object_unref(allocator);
}

constexpr int picture = 3110400; // 1920 x 1080 NV12

BENCHMARK(ours)->Name("map-kept/ours")->Arg(picture);
BENCHMARK(peer)->Name("map-kept/peer")->Arg(picture);

} // namespace
