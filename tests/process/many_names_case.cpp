// Names that come once and never again: registering one and taking it out costs about the same however many
// there were before. Processor time of this thread, and the least of many: other programs do not count.
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <string>

#include "hwalloc/allocator.h"
#include "tests/process/case.h"

namespace {

constexpr int batch = 100, batches = 200; // 20,000 names

std::int64_t processor_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::int64_t time_of_batch(int number) {
    const hwalloc::AllocatorRef allocator(hwalloc::Allocator::find("sysmem"));
    const std::int64_t begin = processor_ns();
    for (int i = 0; i < batch; ++i) {
        const std::string name = "once/" + std::to_string(number * batch + i);
        REQUIRE(hwalloc::Allocator::register_allocator(name, allocator));
        REQUIRE(hwalloc::Allocator::find(name) == allocator.get());
        REQUIRE(hwalloc::Allocator::unregister(name));
        REQUIRE(hwalloc::Allocator::find(name) == nullptr);
    }
    return processor_ns() - begin;
}

} // namespace

int main() {
    constexpr int compared = 20;
    std::int64_t first = INT64_MAX, last = INT64_MAX;
    for (int i = 0; i < batches; ++i) {
        const std::int64_t took = time_of_batch(i);
        if (i < compared)
            first = std::min(first, took);
        if (i >= batches - compared)
            last = std::min(last, took);
    }
    std::fprintf(stderr, "%lld ns a name at first, %lld after %d names\n",
                 static_cast<long long>(first / batch), static_cast<long long>(last / batch),
                 batch * batches);
    REQUIRE(last < 8 * first);
}
