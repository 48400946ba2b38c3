// Look-up by name. The peer's gives a counted reference, which its caller must drop.
#include <string>

#include "bench.h"

namespace {

// Both libraries know their system memory by this name.
std::string name = "SystemMemory";

void ours(benchmark::State& state) {
    const bench::Pin pin(state);
    if (!hwalloc::Allocator::find(name))
        state.SkipWithError("hwalloc does not know the name");
    for (auto _ : state) {
        benchmark::DoNotOptimize(name);
        benchmark::DoNotOptimize(hwalloc::Allocator::find(name));
    }
}

void peer(benchmark::State& state) {
    const bench::Pin pin(state);
    for (auto _ : state) {
        benchmark::DoNotOptimize(name);
        GstAllocator* found = gst_allocator_find(name.c_str());
        if (!found) {
            state.SkipWithError("GStreamer does not know the name");
            break;
        }
        gst_object_unref(found);
    }
}

HWALLOC_BENCH("find", "ours", ours, 0);
HWALLOC_BENCH("find", "peer", peer, 0);

} // namespace
