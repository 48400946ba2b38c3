// Map and unmap of memory that stays mapped between uses, the first map made before the clock runs: our memfd
// beside GStreamer's memory around an fd with KEEP_MAPPED, and our udmabuf beside GStreamer's dma-buf memory
// around the same buffer, where both also tell the kernel of each access (DMA_BUF_IOCTL_SYNC).
#include <fcntl.h>
#include <gst/allocators/gstdmabuf.h>
#include <gst/allocators/gstfdmemory.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "hwalloc/capabilities.h"

namespace {

void ours(benchmark::State& state, const char* name) {
    auto allocator = hwalloc::Allocator::resolve(name);
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

// Takes `memory` and its allocator.
void peer(benchmark::State& state, GstMemory* memory, GstAllocator* allocator) {
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

void our_memfd(benchmark::State& state) {
    ours(state, "memfd");
}
void peer_memfd(benchmark::State& state) {
    const std::size_t size = bench::size_of(state);
    const int fd = memfd_create("hwalloc-bench", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, static_cast<off_t>(size)) != 0)
        return state.SkipWithError("there is no memfd to wrap");
    GstAllocator* allocator = gst_fd_allocator_new();
    peer(state, gst_fd_allocator_alloc(allocator, fd, size, GST_FD_MEMORY_FLAG_KEEP_MAPPED), allocator);
}

void our_udmabuf(benchmark::State& state) {
    ours(state, "udmabuf");
}
void peer_udmabuf(benchmark::State& state) {
    const std::size_t size = bench::size_of(state);
    auto buffer = hwalloc::Allocator::resolve("udmabuf");
    if (!buffer)
        return bench::fail(state, buffer.error());
    auto memory = (*buffer)->alloc(size);
    if (!memory)
        return bench::fail(state, memory.error());
    auto fd = hwalloc::export_fd(**memory, hwalloc::FdKind::dmabuf);
    if (!fd)
        return bench::fail(state, fd.error());
    GstAllocator* allocator = gst_dmabuf_allocator_new();
    peer(
        state,
        gst_dmabuf_allocator_alloc_with_flags(allocator, fd->release(), size, GST_FD_MEMORY_FLAG_KEEP_MAPPED),
        allocator);
}

constexpr int picture = 3110400; // 1920 x 1080 NV12

BENCHMARK(our_memfd)->Name("map-kept/ours")->Arg(picture);
BENCHMARK(peer_memfd)->Name("map-kept/peer")->Arg(picture);
BENCHMARK(our_udmabuf)->Name("map-kept-udmabuf/ours")->Arg(picture);
BENCHMARK(peer_udmabuf)->Name("map-kept-udmabuf/peer")->Arg(picture);

} // namespace
