// What the rows share. A benchmark is called ROW/SIDE/SIZE, where SIDE is "ours", "peer" or "atomics": the
// least that any implementation must do, as bare atomic operations. scripts/bench puts the sides of a row
// together.
#pragma once

#include <benchmark/benchmark.h>
#include <gst/gst.h>
#include <sched.h>

#include <cstddef>
#include <string_view>

#include "hwalloc/allocator.h"

namespace bench {

// Keeps the threads of a benchmark on distinct processors for as long as it lives: two threads that the
// scheduler puts on one processor take turns, and show nothing of what they cost each other. A benchmark with
// one thread stays where the scheduler puts it.
class Pin {
public:
    explicit Pin(const benchmark::State& state) noexcept {
        if (state.threads() == 1 || sched_getaffinity(0, sizeof before_, &before_) != 0)
            return;
        const int available = CPU_COUNT(&before_);
        int skip = state.thread_index() % available;
        for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (!CPU_ISSET(cpu, &before_) || skip-- > 0)
                continue;
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            pinned_ = sched_setaffinity(0, sizeof one, &one) == 0;
            return;
        }
    }
    ~Pin() {
        if (pinned_)
            sched_setaffinity(0, sizeof before_, &before_);
    }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

private:
    cpu_set_t before_;
    bool pinned_ = false;
};

// The size a benchmark was registered with.
inline std::size_t size_of(const benchmark::State& state) {
    return static_cast<std::size_t>(state.range(0));
}

// Ends the benchmark with the words of our error or of GStreamer's lack of one.
inline void fail(benchmark::State& state, const hwalloc::Error& error) {
    state.SkipWithError(error.message().c_str());
}

// Registers a side of a row for one size and 1 and 2 threads.
#define HWALLOC_BENCH(row, side, function, bytes)                                                            \
    BENCHMARK(function)->Name(row "/" side)->Arg(bytes)->ThreadRange(1, 2)

} // namespace bench
