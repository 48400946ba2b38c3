// The GstMemory of storage without a descriptor.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstdint>

#include "hwalloc/memory.h"

namespace hwalloc::gst {

struct PlainMemory {
    GstMemory gst;
    Memory* storage;    // a handle of the root's; of shares the root's, lent
    gpointer companion; // of a root alone, as is what releases it
    GDestroyNotify release;
    // Of the region, where its allocator's memory is mapped for good and somebody has asked.
    std::atomic<std::uint8_t*> base;
};

inline PlainMemory* plain_of(GstMemory* memory) {
    return reinterpret_cast<PlainMemory*>(memory);
}
inline GstMemory* root_of(GstMemory* memory) {
    return memory->parent ? memory->parent : memory;
}
// GstAllocator's function that frees it.
void free_plain(GstAllocator* allocator, GstMemory* memory) noexcept;

// By what its class frees it, which takes no look at the tree of types.
inline bool is_plain(GstMemory* memory) {
    return GST_ALLOCATOR_GET_CLASS(memory->allocator)->free == free_plain;
}

} // namespace hwalloc::gst
