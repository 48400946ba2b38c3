#include "buffer_pool.h"

#include <gst/video/gstvideopool.h>

#include "hwalloc/gst.h"

namespace hwalloc::gst {

namespace {

constexpr guint most_kept = 64; // a driver's queue has 32 buffers, and as many may be on their way

struct BufferPool {
    GstVideoBufferPool parent;
    GstAllocator* allocator;
};

gpointer pool_parent_class = nullptr;

gboolean set_config(GstBufferPool* pool, GstStructure* config) {
    GstAllocator* wanted = nullptr;
    GstAllocationParams params;
    if (!gst_buffer_pool_config_get_allocator(config, &wanted, &params))
        gst_allocation_params_init(&params);
    if (!wanted || !hwalloc_gst_allocator_name(wanted))
        wanted = reinterpret_cast<BufferPool*>(pool)->allocator;
    GstAllocator* const keeping = hwalloc_gst_keeping_allocator_new(wanted, most_kept);
    gst_buffer_pool_config_set_allocator(config, keeping, &params);
    gst_object_unref(keeping);
    return GST_BUFFER_POOL_CLASS(pool_parent_class)->set_config(pool, config);
}

void finalize_pool(GObject* object) {
    gst_object_unref(reinterpret_cast<BufferPool*>(object)->allocator);
    G_OBJECT_CLASS(pool_parent_class)->finalize(object);
}

void initialize_pool_class(gpointer kind, gpointer) {
    pool_parent_class = g_type_class_peek_parent(kind);
    G_OBJECT_CLASS(kind)->finalize = finalize_pool;
    GST_BUFFER_POOL_CLASS(kind)->set_config = set_config;
}

GType pool_type() {
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        const GType type = g_type_register_static_simple(
            GST_TYPE_VIDEO_BUFFER_POOL, "HwallocGstBufferPool", sizeof(GstVideoBufferPoolClass),
            initialize_pool_class, sizeof(BufferPool), nullptr, GTypeFlags{});
        g_once_init_leave(&once, type);
    }
    return once;
}

} // namespace

GstBufferPool* make_buffer_pool(GstAllocator* allocator) noexcept {
    auto* pool = static_cast<GstBufferPool*>(g_object_new(pool_type(), nullptr));
    gst_object_ref_sink(pool);
    reinterpret_cast<BufferPool*>(pool)->allocator = static_cast<GstAllocator*>(gst_object_ref(allocator));
    return pool;
}

} // namespace hwalloc::gst
