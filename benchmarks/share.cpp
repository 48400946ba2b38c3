// A share of the whole window, and its release.
#include "bench.h"

namespace {

void ours(benchmark::State& state) {
    auto memory = hwalloc::alloc(bench::size_of(state));
    if (!memory)
        return bench::fail(state, memory.error());
    for (auto _ : state) {
        auto share = (*memory)->share();
        if (!share) {
            state.SkipWithError("hwalloc does not share");
            break;
        }
        benchmark::DoNotOptimize(share->get());
    }
}

void peer(benchmark::State& state) {
    GstMemory* memory = gst_allocator_alloc(nullptr, bench::size_of(state), nullptr);
    for (auto _ : state) {
        GstMemory* share = gst_memory_share(memory, 0, -1);
        if (!share) {
            state.SkipWithError("GStreamer does not share");
            break;
        }
        benchmark::DoNotOptimize(share);
        gst_memory_unref(share);
    }
    gst_memory_unref(memory);
}

BENCHMARK(ours)->Name("share-release/ours")->Arg(4096);
BENCHMARK(peer)->Name("share-release/peer")->Arg(4096);

} // namespace
