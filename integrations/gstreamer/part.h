// What an allocator of hwalloc in GStreamer knows of itself, and how refusals are told.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstddef>

#include "hwalloc/allocator.h"
#include "hwalloc/error.h"

namespace hwalloc::gst {

// Which memory of GStreamer's it is.
enum class Form { plain, memfd, dmabuf };

// The quark of a name, asked of GLib until `known` has it.
inline GQuark quark_once(std::atomic<GQuark>& known, const char* name) noexcept {
    GQuark quark = known.load(std::memory_order_relaxed);
    if (!quark) [[unlikely]] {
        quark = g_quark_from_static_string(name);
        known.store(quark, std::memory_order_relaxed);
    }
    return quark;
}

// One for each GstAllocator, in it.
struct Part {
    Allocator* allocator; // registered, so valid for ever
    Form form;
    // GstFdAllocator's functions; null for plain memory. They serve memory that a program made of a
    // descriptor of its own with this allocator (gst_fd_allocator_alloc()), which has no storage.
    GstMemoryShareFunction share_by_parent{};
    GstMemoryCopyFunction copy_by_parent{};
    GstMemoryMapFullFunction map_full_by_parent{}; // or null, and then there is:
    GstMemoryMapFunction map_by_parent{};
    GstMemoryUnmapFullFunction unmap_full_by_parent{};
    GstMemoryUnmapFunction unmap_by_parent{};
};
// Null where it is no such allocator. Not for hot paths.
const Part* part_of(GstAllocator* allocator) noexcept;
void set_part(GstAllocator* allocator, const Part& part) noexcept;

// Makes the debug category "hwalloc" known, so that what GST_DEBUG says of it is heard.
GstDebugCategory* debug_category() noexcept;
// Tells a refusal there, and is null.
std::nullptr_t refuse(GstObject* by, const char* what, const Error& error,
                      GstDebugLevel level = GST_LEVEL_WARNING) noexcept;

} // namespace hwalloc::gst
