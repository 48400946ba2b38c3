// What dlopen_case loads: a user of the library, in a process that knows nothing of it.
#include <utility>

#include "hwalloc/allocator.h"

using hwalloc::MemoryRef;

// Memory of that allocator with a mark in it; null when there is no such allocator here.
extern "C" [[gnu::visibility("default")]] void* plug_in_alloc(const char* allocator) {
    hwalloc::Allocator* const found = hwalloc::Allocator::find(allocator);
    if (!found)
        return nullptr;
    auto memory = found->alloc(5000);
    if (!memory)
        return nullptr;
    auto mapping = (*memory)->map(hwalloc::MapFlags::write);
    if (!mapping)
        return nullptr;
    mapping->data()[0] = 42;
    return new MemoryRef(*std::move(memory));
}

// Whether the mark was there.
extern "C" [[gnu::visibility("default")]] bool plug_in_free(void* memory) {
    auto* const owned = static_cast<MemoryRef*>(memory);
    bool marked = false;
    if (auto mapping = (*owned)->map(hwalloc::MapFlags::read))
        marked = mapping->data()[0] == 42;
    delete owned;
    return marked;
}
