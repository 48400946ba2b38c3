// What the interface for C costs over the one for C++, which it calls: both in one run, and with what a
// program checks.
#include "bench.h"
#include "hwalloc/hwalloc.h"

namespace {

const char* in_c_name = "SystemMemory";

void find_in_c(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(in_c_name);
        benchmark::DoNotOptimize(hwalloc_find(in_c_name));
    }
}
void find_in_cxx(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(in_c_name);
        benchmark::DoNotOptimize(hwalloc::Allocator::find(in_c_name));
    }
}

void alloc_in_c(benchmark::State& state) {
    const std::size_t size = bench::size_of(state);
    for (auto _ : state) {
        hwalloc_memory* memory = nullptr;
        if (hwalloc_alloc(nullptr, size, nullptr, &memory, nullptr) < 0) {
            state.SkipWithError("no memory in C");
            break;
        }
        benchmark::DoNotOptimize(memory);
        hwalloc_memory_unref(memory);
    }
}
void alloc_in_cxx(benchmark::State& state) {
    const std::size_t size = bench::size_of(state);
    for (auto _ : state) {
        auto memory = hwalloc::alloc(size);
        if (!memory) {
            state.SkipWithError("no memory in C++");
            break;
        }
        benchmark::DoNotOptimize(memory->get());
    }
}

void map_in_c(benchmark::State& state) {
    hwalloc_memory* memory = nullptr;
    if (hwalloc_alloc(nullptr, bench::size_of(state), nullptr, &memory, nullptr) < 0)
        return state.SkipWithError("no memory in C");
    hwalloc_map_info info{};
    info.struct_size = sizeof info;
    for (auto _ : state) {
        if (hwalloc_memory_map(memory, &info, HWALLOC_MAP_READ, nullptr) < 0 ||
            hwalloc_memory_unmap(memory, &info, nullptr) < 0) {
            state.SkipWithError("no map in C");
            break;
        }
    }
    hwalloc_memory_unref(memory);
}
void map_in_cxx(benchmark::State& state) {
    auto memory = hwalloc::alloc(bench::size_of(state));
    if (!memory)
        return bench::fail(state, memory.error());
    hwalloc::MapInfo info;
    for (auto _ : state) {
        if (!(*memory)->map(info, hwalloc::MapFlags::read) || !(*memory)->unmap(info)) {
            state.SkipWithError("no map in C++");
            break;
        }
    }
}

void share_in_c(benchmark::State& state) {
    hwalloc_memory* memory = nullptr;
    if (hwalloc_alloc(nullptr, bench::size_of(state), nullptr, &memory, nullptr) < 0)
        return state.SkipWithError("no memory in C");
    for (auto _ : state) {
        hwalloc_memory* share = nullptr;
        if (hwalloc_memory_share(memory, 0, HWALLOC_WHOLE, &share, nullptr) < 0) {
            state.SkipWithError("no share in C");
            break;
        }
        benchmark::DoNotOptimize(share);
        hwalloc_memory_unref(share);
    }
    hwalloc_memory_unref(memory);
}
void share_in_cxx(benchmark::State& state) {
    auto memory = hwalloc::alloc(bench::size_of(state));
    if (!memory)
        return bench::fail(state, memory.error());
    for (auto _ : state) {
        auto share = (*memory)->share();
        if (!share) {
            state.SkipWithError("no share in C++");
            break;
        }
        benchmark::DoNotOptimize(share->get());
    }
}

BENCHMARK(find_in_c)->Name("c-find/ours")->Arg(0);
BENCHMARK(find_in_cxx)->Name("c-find/cxx")->Arg(0);
BENCHMARK(alloc_in_c)->Name("c-alloc-free/ours")->Arg(4096);
BENCHMARK(alloc_in_cxx)->Name("c-alloc-free/cxx")->Arg(4096);
BENCHMARK(map_in_c)->Name("c-map-unmap/ours")->Arg(4096);
BENCHMARK(map_in_cxx)->Name("c-map-unmap/cxx")->Arg(4096);
BENCHMARK(share_in_c)->Name("c-share-release/ours")->Arg(4096);
BENCHMARK(share_in_cxx)->Name("c-share-release/cxx")->Arg(4096);

} // namespace
