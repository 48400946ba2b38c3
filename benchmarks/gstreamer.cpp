// hwalloc's system memory as a GstAllocator beside GStreamer's own, which is the default: allocate and
// release, READ map and unmap, share and release; and what is kept for the next beside what is made anew.
#include "bench.h"

#include "hwalloc/gst.h"

namespace {

// Null is GStreamer's default.
GstAllocator* allocator(bool ours) {
    return ours ? hwalloc_gst_allocator_get("sysmem", nullptr) : gst_allocator_find(nullptr);
}

void allocate(benchmark::State& state, GstAllocator* (*get)()) {
    GstAllocator* const from = get();
    const bench::Pin pin(state);
    for (auto _ : state) {
        GstMemory* memory = gst_allocator_alloc(from, bench::size_of(state), nullptr);
        if (!memory) {
            state.SkipWithError("there is no memory");
            break;
        }
        benchmark::DoNotOptimize(memory);
        gst_memory_unref(memory);
    }
    gst_object_unref(from);
}

void map(benchmark::State& state, GstAllocator* (*get)()) {
    GstAllocator* const from = get();
    GstMemory* memory = gst_allocator_alloc(from, bench::size_of(state), nullptr);
    for (auto _ : state) {
        GstMapInfo info;
        if (!gst_memory_map(memory, &info, GST_MAP_READ)) {
            state.SkipWithError("the memory does not map");
            break;
        }
        benchmark::DoNotOptimize(info.data);
        gst_memory_unmap(memory, &info);
    }
    gst_memory_unref(memory);
    gst_object_unref(from);
}

void share(benchmark::State& state, GstAllocator* (*get)()) {
    GstAllocator* const from = get();
    GstMemory* memory = gst_allocator_alloc(from, bench::size_of(state), nullptr);
    for (auto _ : state) {
        GstMemory* view = gst_memory_share(memory, 0, -1);
        if (!view) {
            state.SkipWithError("the memory is not shared");
            break;
        }
        benchmark::DoNotOptimize(view);
        gst_memory_unref(view);
    }
    gst_memory_unref(memory);
    gst_object_unref(from);
}

GstAllocator* kept() {
    GstAllocator* of = allocator(true);
    GstAllocator* keeping = hwalloc_gst_keeping_allocator_new(of, 4);
    gst_object_unref(of);
    return keeping;
}

BENCHMARK_CAPTURE(allocate, ours, [] { return allocator(true); })->Name("gst-alloc/ours")->Arg(4096);
BENCHMARK_CAPTURE(allocate, peer, [] { return allocator(false); })->Name("gst-alloc/peer")->Arg(4096);
BENCHMARK_CAPTURE(map, ours, [] { return allocator(true); })->Name("gst-map/ours")->Arg(4096);
BENCHMARK_CAPTURE(map, peer, [] { return allocator(false); })->Name("gst-map/peer")->Arg(4096);
BENCHMARK_CAPTURE(share, ours, [] { return allocator(true); })->Name("gst-share/ours")->Arg(4096);
BENCHMARK_CAPTURE(share, peer, [] { return allocator(false); })->Name("gst-share/peer")->Arg(4096);
BENCHMARK_CAPTURE(allocate, kept, kept)->Name("gst-kept/ours")->Arg(4096);
BENCHMARK_CAPTURE(allocate, anew, [] { return allocator(false); })->Name("gst-kept/peer")->Arg(4096);

} // namespace
