#include "part.h"

#include <atomic>
#include <new>

namespace hwalloc::gst {

namespace {

GQuark part_quark() {
    static std::atomic<GQuark> known = 0; // the same whoever asks first
    return quark_once(known, "hwalloc-part");
}

} // namespace

const Part* part_of(GstAllocator* allocator) noexcept {
    return static_cast<const Part*>(g_object_get_qdata(G_OBJECT(allocator), part_quark()));
}

void set_part(GstAllocator* allocator, const Part& part) noexcept {
    g_object_set_qdata(G_OBJECT(allocator), part_quark(), const_cast<Part*>(&part));
}

GstDebugCategory* debug_category() noexcept {
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        GstDebugCategory* category = _gst_debug_category_new("hwalloc", 0, "memory of hwalloc");
        g_once_init_leave(&once, reinterpret_cast<gsize>(category));
    }
    return reinterpret_cast<GstDebugCategory*>(once);
}

std::nullptr_t refuse(GstObject* by, const char* what, const Error& error, GstDebugLevel level) noexcept {
    GstDebugCategory* const category = debug_category();
    try {
        GST_CAT_LEVEL_LOG(category, level, by, "%s: %s", what, error.message().c_str());
    } catch (const std::bad_alloc&) {
        GST_CAT_LEVEL_LOG(category, level, by, "%s was refused, and memory is short", what);
    }
    return nullptr;
}

} // namespace hwalloc::gst
