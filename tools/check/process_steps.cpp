// Steps about the whole process: several threads at once, and what is left over.
#include <dirent.h>
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "tools/check/steps.h"

namespace hwalloc::tools::checks {
namespace {

constexpr std::size_t cycle_size = 100000;

struct Holdings {
    long descriptors = 0;
    long mapped_bytes = 0;
    long heap_bytes = 0;
};

Holdings count_holdings() {
    Holdings found;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
    if (!directory)
        throw Unsupported("/proc is not mounted: descriptors cannot be counted");
    // readdir tells its end and its failure alike.
    for (errno = 0; ::readdir(directory.get()); errno = 0)
        ++found.descriptors;
    if (const int why = errno)
        throw Failed(fmt::format("/proc/self/fd cannot be read to its end (errno {})", why));
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        char* end = nullptr;
        const auto from = std::strtoull(line.c_str(), &end, 16);
        const auto to = std::strtoull(end + 1, nullptr, 16);
        found.mapped_bytes += static_cast<long>(to - from);
    }
#ifdef __GLIBC__
    const auto heap = ::mallinfo2();
    found.heap_bytes = static_cast<long>(heap.uordblks);
#endif
    return found;
}

// One life of memory, with everything it can do.
void cycle(const Subject& subject) {
    auto memory = subject.make(cycle_size);
    if (subject.claims.map) {
        auto mapping = must("READWRITE map", memory->map(MapFlags::readwrite));
        mapping.data()[0] = 1;
        must("unmap", mapping.unmap());
    }
    auto view = must("share", memory->share(10, 100));
    if (subject.claims.map)
        must("unmap", must("READ map of a share", view->map(MapFlags::read)).unmap());
    refused("share out of bounds", memory->share(cycle_size + 1), {ErrorKind::invalid});
    for (const FdKind kind : {FdKind::dmabuf, FdKind::memfd})
        if (kind == FdKind::dmabuf ? subject.claims.export_dmabuf : subject.claims.export_memfd)
            (void)export_fd(*memory, kind); // whether it works is another step's
}

} // namespace

std::string threads(const Subject& subject) {
    auto common = subject.make(cycle_size);
    if (subject.claims.map)
        write_pattern(*common, 51);
    std::atomic<bool> stop{false};
    std::atomic<unsigned> rounds{0};
    constexpr unsigned count = 4;
    std::exception_ptr failures[count];
    const auto work = [&](unsigned number) {
        try {
            const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
            for (unsigned round = 0; round < 300 && !stop && std::chrono::steady_clock::now() < end;
                 ++round) {
                auto own = subject.make(5000);
                auto view = must("share of memory that other threads share",
                                 common->share(std::size_t{number} * 1000, 1000));
                if (subject.claims.map) {
                    write_pattern(*own, 60 + number);
                    read_pattern("a share of common memory", *view, 51, std::size_t{number} * 1000);
                    read_pattern("memory of this thread alone", *own, 60 + number);
                }
                auto handle = must("ref", common->ref());
                ++rounds;
            }
        } catch (...) {
            failures[number] = std::current_exception();
            stop = true;
        }
    };
    {
        std::vector<std::jthread> running;
        for (unsigned i = 0; i < count; ++i)
            running.emplace_back(work, i);
    }
    for (const std::exception_ptr& failure : failures)
        if (failure)
            std::rethrow_exception(failure);
    equal("ref_count of the common memory", 1u, common->ref_count());
    holds("the common memory is writable when all shares are gone", common->is_writable());
    if (subject.claims.map) {
        read_pattern("the common memory", *common, 51);
        write_pattern(*common, 52);
    }
    return fmt::format("{} rounds by {} threads", rounds.load(), count);
}

std::string no_leak(const Subject& subject) {
    constexpr long cycles = 100;
    // What is opened, cached or allocated once for all is there after a few.
    for (int i = 0; i < 20; ++i)
        cycle(subject);
    const auto live = [&] {
        for (long i = 0; i < cycles; ++i)
            cycle(subject);
        return count_holdings();
    };
    const Holdings before = count_holdings();
    const Holdings after = live();
    const auto grown = [&](std::string_view what, long found, long allowed) {
        if (found > allowed)
            throw Failed(
                fmt::format("{} left over by {} times alloc, map, share and free: expected 0, found {}", what,
                            cycles, found));
    };
    grown("descriptors", after.descriptors - before.descriptors, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they keep freed memory
    // The process's own heap moves by some pages; one region lost in every second cycle is far more.
    grown("bytes of mappings", after.mapped_bytes - before.mapped_bytes,
          cycles / 2 * static_cast<long>(cycle_size));
#endif
    // The C library keeps freed pieces for each thread and counts them as in use, so that the heap seems to
    // grow until it has enough of them (glibc's tcache, a few kB). A leak goes on growing.
    constexpr long heap_allowed = cycles * 16;
    long heap = after.heap_bytes - before.heap_bytes;
    for (int again = 0; heap > heap_allowed && again < 2; ++again) {
        const long full = count_holdings().heap_bytes;
        heap = live().heap_bytes - full;
    }
    grown("bytes on the heap", heap, heap_allowed);
    return {};
}

} // namespace hwalloc::tools::checks
