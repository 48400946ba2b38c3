// Map and unmap of one system memory, by each thread that takes part. With two threads the maps nest: both
// libraries allow any number of READ maps, and of WRITE maps, of one memory at a time.
#include <atomic>
#include <cstdint>

#include "bench.h"

namespace {

hwalloc::MemoryRef our_memory;
GstMemory* peer_memory;
std::atomic<std::uint64_t> bare{0};

void make_ours(const benchmark::State& state) {
    if (auto memory = hwalloc::alloc(bench::size_of(state)))
        our_memory = std::move(*memory);
}
void drop_ours(const benchmark::State&) {
    our_memory.reset();
}
void make_peer(const benchmark::State& state) {
    peer_memory = gst_allocator_alloc(nullptr, bench::size_of(state), nullptr);
}
void drop_peer(const benchmark::State&) {
    gst_memory_unref(peer_memory);
}

template<hwalloc::MapFlags flags>
void ours(benchmark::State& state) {
    const bench::Pin pin(state);
    hwalloc::Memory& memory = *our_memory;
    hwalloc::MapInfo info;
    for (auto _ : state) {
        if (!memory.map(info, flags)) {
            state.SkipWithError("hwalloc does not map");
            break;
        }
        if (!memory.unmap(info)) {
            state.SkipWithError("hwalloc does not unmap");
            break;
        }
    }
}

template<GstMapFlags flags>
void peer(benchmark::State& state) {
    const bench::Pin pin(state);
    GstMapInfo info;
    for (auto _ : state) {
        if (!gst_memory_map(peer_memory, &info, flags)) {
            state.SkipWithError("GStreamer does not map");
            break;
        }
        gst_memory_unmap(peer_memory, &info);
    }
}

// Counting a reader in and out, and nothing else.
void floor_read(benchmark::State& state) {
    const bench::Pin pin(state);
    for (auto _ : state) {
        benchmark::DoNotOptimize(bare.fetch_add(1, std::memory_order_acquire));
        benchmark::DoNotOptimize(bare.fetch_sub(1, std::memory_order_acq_rel));
    }
}

// The same where coming in depends on what is there.
void floor_write(benchmark::State& state) {
    const bench::Pin pin(state);
    for (auto _ : state) {
        std::uint64_t seen = bare.load(std::memory_order_relaxed);
        while (!bare.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
        }
        benchmark::DoNotOptimize(bare.fetch_sub(1, std::memory_order_acq_rel));
    }
}

HWALLOC_BENCH("map-read", "ours", ours<hwalloc::MapFlags::read>, 4096)->Setup(make_ours)->Teardown(drop_ours);
HWALLOC_BENCH("map-read", "peer", peer<GST_MAP_READ>, 4096)->Setup(make_peer)->Teardown(drop_peer);
HWALLOC_BENCH("map-read", "floor", floor_read, 4096);
HWALLOC_BENCH("map-write", "ours", ours<hwalloc::MapFlags::write>, 4096)
    ->Setup(make_ours)
    ->Teardown(drop_ours);
HWALLOC_BENCH("map-write", "peer", peer<GST_MAP_WRITE>, 4096)->Setup(make_peer)->Teardown(drop_peer);
HWALLOC_BENCH("map-write", "floor", floor_write, 4096);

} // namespace
