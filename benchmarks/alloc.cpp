// Allocation from the default allocator and release, the bytes untouched.
#include "bench.h"

namespace {

void ours(benchmark::State& state) {
    const bench::Pin pin(state);
    const std::size_t size = bench::size_of(state);
    for (auto _ : state) {
        auto memory = hwalloc::alloc(size);
        if (!memory) {
            state.SkipWithError("hwalloc gives no memory");
            break;
        }
        benchmark::DoNotOptimize(memory->get());
    }
}

void peer(benchmark::State& state) {
    const bench::Pin pin(state);
    const std::size_t size = bench::size_of(state);
    for (auto _ : state) {
        GstMemory* memory = gst_allocator_alloc(nullptr, size, nullptr);
        if (!memory) {
            state.SkipWithError("GStreamer gives no memory");
            break;
        }
        benchmark::DoNotOptimize(memory);
        gst_memory_unref(memory);
    }
}

HWALLOC_BENCH("alloc-free", "ours", ours, 64);
HWALLOC_BENCH("alloc-free", "peer", peer, 64);
HWALLOC_BENCH("alloc-free", "ours", ours, 4096);
HWALLOC_BENCH("alloc-free", "peer", peer, 4096);

} // namespace
