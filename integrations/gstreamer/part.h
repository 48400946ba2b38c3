// What an allocator of hwalloc in GStreamer knows of itself, and how refusals are told.
#pragma once

#include <gst/gst.h>

#include <cstddef>

#include "hwalloc/allocator.h"
#include "hwalloc/error.h"

namespace hwalloc::gst {

// Which memory of GStreamer's it is.
enum class Form { plain, memfd, dmabuf };

// One for each GstAllocator, in it.
struct Part {
    Allocator* allocator; // registered, so valid for ever
    Form form;
    GstMemoryShareFunction share_by_parent; // GstFdAllocator's; null for plain memory
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
