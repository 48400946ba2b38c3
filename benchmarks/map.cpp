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

// What a processor is told to do while another thread changes the word.
void pause_briefly() noexcept {
    for (int i = 0; i < 8; ++i) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
        asm volatile("yield");
#endif
    }
}

// Counting somebody in and out, where either may be refused for what the word says, and nothing else.
template<std::uint64_t in_the_way>
void atomics(benchmark::State& state) {
    const bench::Pin pin(state);
    constexpr std::uint64_t counted = 0xffff;
    for (auto _ : state) {
        std::uint64_t seen = bare.load(std::memory_order_relaxed);
        while ((seen & in_the_way) == 0 &&
               !bare.compare_exchange_strong(seen, seen + 1, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
            pause_briefly();
            seen = bare.load(std::memory_order_relaxed);
        }
        seen = bare.load(std::memory_order_relaxed);
        while ((seen & counted) != 0 &&
               !bare.compare_exchange_strong(seen, seen - 1, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
            pause_briefly();
            seen = bare.load(std::memory_order_relaxed);
        }
    }
}

HWALLOC_BENCH("map-read", "ours", ours<hwalloc::MapFlags::read>, 4096)->Setup(make_ours)->Teardown(drop_ours);
HWALLOC_BENCH("map-read", "peer", peer<GST_MAP_READ>, 4096)->Setup(make_peer)->Teardown(drop_peer);
HWALLOC_BENCH("map-read", "atomics", atomics<1ull << 63>, 4096);
HWALLOC_BENCH("map-write", "ours", ours<hwalloc::MapFlags::write>, 4096)
    ->Setup(make_ours)
    ->Teardown(drop_ours);
HWALLOC_BENCH("map-write", "peer", peer<GST_MAP_WRITE>, 4096)->Setup(make_peer)->Teardown(drop_peer);
HWALLOC_BENCH("map-write", "atomics", atomics<3ull << 62>, 4096);

} // namespace
