// Bytes that nobody may touch, under AddressSanitizer: those that an allocator of ours holds for later.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define HWALLOC_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HWALLOC_ASAN 1
#endif
#endif

#ifdef HWALLOC_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace hwalloc {

inline void poison([[maybe_unused]] const void* bytes, [[maybe_unused]] std::size_t size) noexcept {
#ifdef HWALLOC_ASAN
    __asan_poison_memory_region(bytes, size);
#endif
}
inline void unpoison([[maybe_unused]] const void* bytes, [[maybe_unused]] std::size_t size) noexcept {
#ifdef HWALLOC_ASAN
    __asan_unpoison_memory_region(bytes, size);
#endif
}

} // namespace hwalloc
