// Every request of this program for memory, seen in the C library's place: below operator new and whatever
// else asks for memory.
#pragma once

#include <cstddef>

// Sanitizers have taken the C library's functions over already: under them nothing is seen.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HWALLOC_TEST_SEES_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HWALLOC_TEST_SEES_ALLOCATIONS 0
#endif
#endif
#ifndef HWALLOC_TEST_SEES_ALLOCATIONS
#define HWALLOC_TEST_SEES_ALLOCATIONS 1
#endif

namespace hwalloc::testing {

inline constexpr bool sees_allocations = HWALLOC_TEST_SEES_ALLOCATIONS;

// Of this thread: how many requests there were.
extern thread_local std::size_t allocations;
// Of this thread: called before each request, unless it is null or running.
extern thread_local void (*before_allocation)();

} // namespace hwalloc::testing
