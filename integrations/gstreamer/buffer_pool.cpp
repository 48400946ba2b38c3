#include "buffer_pool.h"

#include <gst/video/gstvideopool.h>

#include "hwalloc/gst.h"

namespace hwalloc::gst {

namespace {

constexpr guint most_kept = 64; // a driver's queue has 32 buffers, and as many may be on their way

struct BufferPool {
    GstVideoBufferPool parent;
    GstAllocator* allocator;
    GstAllocator* keeping; // of the last configuration; null before the first. Guarded by the pool's lock
};

gpointer pool_parent_class = nullptr;

gboolean set_config(GstBufferPool* pool, GstStructure* config) {
    GstAllocator* wanted = nullptr;
    GstAllocationParams params;
    if (!gst_buffer_pool_config_get_allocator(config, &wanted, &params))
        gst_allocation_params_init(&params);
    // Of a configuration that comes back, with another shelf for the frames that are to come.
    GstAllocator* of = nullptr;
    if (wanted && g_str_equal(G_OBJECT_TYPE_NAME(wanted), "HwallocGstKeepingAllocator"))
        g_object_get(wanted, "of", &of, nullptr);
    if (of)
        wanted = of;
    BufferPool& self = *reinterpret_cast<BufferPool*>(pool);
    if (!wanted || !hwalloc_gst_allocator_name(wanted))
        wanted = self.allocator;
    GstAllocator* const keeping = hwalloc_gst_keeping_allocator_new(wanted, most_kept);
    gst_buffer_pool_config_set_allocator(config, keeping, &params);
    const gboolean taken = GST_BUFFER_POOL_CLASS(pool_parent_class)->set_config(pool, config);
    if (taken)
        gst_object_replace(reinterpret_cast<GstObject**>(&self.keeping), GST_OBJECT(keeping));
    gst_object_unref(keeping);
    gst_clear_object(&of);
    return taken;
}

gboolean start_pool(GstBufferPool* pool) {
    GstAllocator* const keeping = reinterpret_cast<BufferPool*>(pool)->keeping;
    g_object_set(keeping, "keeps", TRUE, nullptr);
    if (GST_BUFFER_POOL_CLASS(pool_parent_class)->start(pool))
        return TRUE;
    g_object_set(keeping, "keeps", FALSE, nullptr);
    return FALSE;
}

// A pool that is at rest holds no memory, as those of GStreamer do.
gboolean stop_pool(GstBufferPool* pool) {
    const gboolean stopped = GST_BUFFER_POOL_CLASS(pool_parent_class)->stop(pool);
    if (GstAllocator* keeping = reinterpret_cast<BufferPool*>(pool)->keeping)
        g_object_set(keeping, "keeps", FALSE, nullptr);
    return stopped;
}

void finalize_pool(GObject* object) {
    BufferPool& self = *reinterpret_cast<BufferPool*>(object);
    gst_clear_object(&self.keeping);
    gst_object_unref(self.allocator);
    G_OBJECT_CLASS(pool_parent_class)->finalize(object);
}

void initialize_pool_class(gpointer kind, gpointer) {
    pool_parent_class = g_type_class_peek_parent(kind);
    G_OBJECT_CLASS(kind)->finalize = finalize_pool;
    auto* const pool = GST_BUFFER_POOL_CLASS(kind);
    pool->set_config = set_config;
    pool->start = start_pool;
    pool->stop = stop_pool;
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
