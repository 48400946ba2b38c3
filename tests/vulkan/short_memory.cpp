#include "tests/vulkan/short_memory.h"

#include <cstdlib>
#include <new>

namespace {

// Null when there is none.
void* allocate(std::size_t size, std::size_t align) noexcept {
    if (hwalloc::vulkan::testing::ShortMemory::fails())
        return nullptr;
    return std::aligned_alloc(align, (size + align - 1) / align * align + (size == 0 ? align : 0));
}
void* must_allocate(std::size_t size, std::size_t align) {
    void* memory = allocate(size, align);
    if (!memory)
        throw std::bad_alloc();
    return memory;
}
constexpr std::size_t usual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

} // namespace

// All for single objects, because a sanitizer brings those that are left out, and they do not fit. Those for
// arrays call these (C++, [new.delete]) or fit each other.
void* operator new(std::size_t size) {
    return must_allocate(size, usual);
}
void* operator new(std::size_t size, std::align_val_t align) {
    return must_allocate(size, static_cast<std::size_t>(align));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, usual);
}
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
    return allocate(size, static_cast<std::size_t>(align));
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
    std::free(memory);
}
