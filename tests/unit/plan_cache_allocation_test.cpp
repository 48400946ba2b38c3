// A plan that is remembered allocates nothing: counted in the C library's place, below operator new and
// whatever else asks for memory.
#include <malloc.h>

#include <cerrno>
#include <cstddef>

#include "tests/unit/plan_fixture.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
// Sanitizers have taken these functions over already.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||     \
    __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
#endif

namespace {
thread_local std::size_t allocations = 0; // of this thread, by now
}

#if COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);

void* malloc(std::size_t size) noexcept {
    ++allocations;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    ++allocations;
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
    ++allocations;
    return __libc_realloc(memory, size);
}
void* memalign(std::size_t align, std::size_t size) noexcept {
    ++allocations;
    return __libc_memalign(align, size);
}
void* aligned_alloc(std::size_t align, std::size_t size) noexcept {
    ++allocations;
    return __libc_memalign(align, size);
}
int posix_memalign(void** memory, std::size_t align, std::size_t size) noexcept {
    ++allocations;
    *memory = __libc_memalign(align, size);
    return *memory ? 0 : ENOMEM;
}
}
#endif

namespace hwalloc {
namespace {

class PlanAllocationTest : public testing::PlanTest {
protected:
    // What one plan() of an equal request allocates.
    static std::size_t counted(const PlanRequest& request, PlanRef& made) {
        const std::size_t before = allocations;
        auto plan = hwalloc::plan(request);
        const std::size_t after = allocations;
        EXPECT_TRUE(plan);
        if (plan)
            made = *std::move(plan);
        return after - before;
    }
};

TEST_F(PlanAllocationTest, AnEqualRequestAllocatesNothing) {
    if (!COUNTS_ALLOCATIONS)
        GTEST_SKIP() << "a sanitizer has the allocation functions";
    allocator("plan-test/one");
    allocator("plan-test/two");
    participant("camera");
    participant("gpu");
    const PlanRequest asked = request();
    PlanRef first, second;
    EXPECT_GT(counted(asked, first), 0u) << "what is counted is not what the library calls";
    EXPECT_EQ(counted(asked, second), 0u);
    EXPECT_EQ(first, second);
    forget_plans();
    EXPECT_GT(counted(asked, second), 0u);
}

} // namespace
} // namespace hwalloc
