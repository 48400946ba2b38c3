#include "keeping.h"

#include <algorithm>
#include <new>

#include "hwalloc/gst.h"
#include "memory.h"
#include "part.h"

namespace hwalloc::gst {

Shelf* Shelf::make(guint most, gsize size, const GstAllocationParams& params) noexcept {
    most = std::max(most, 1u);
    auto** kept = new (std::nothrow) GstMemory*[most]; // one place more than it takes: zero is none
    if (!kept)
        return nullptr;
    auto* shelf = new (std::nothrow) Shelf(most, size, params, kept);
    if (!shelf)
        delete[] kept;
    return shelf;
}

Shelf::~Shelf() {
    g_mutex_clear(&mutex_);
    delete[] kept_;
}

void Shelf::unref() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete this;
}

GstMemory* Shelf::take() noexcept {
    if (GstMemory* memory = nearest_.exchange(nullptr, std::memory_order_acquire)) [[likely]]
        return memory;
    if (count_.load(std::memory_order_relaxed) == 0)
        return nullptr;
    g_mutex_lock(&mutex_);
    const guint count = count_.load(std::memory_order_relaxed);
    GstMemory* const memory = count ? kept_[count - 1] : nullptr;
    if (count)
        count_.store(count - 1, std::memory_order_relaxed);
    g_mutex_unlock(&mutex_);
    return memory;
}

bool Shelf::put(GstMemory* memory) noexcept {
    GstMemory* none = nullptr;
    if (nearest_.compare_exchange_strong(none, memory)) [[likely]] {
        // close() looks here after it has closed, and this looks whether it is closed after it has put: one
        // sees the other.
        if (closed_.load()) [[unlikely]] {
            ref(); // what is freed may be the last that owns this
            close();
            unref();
        }
        return true;
    }
    g_mutex_lock(&mutex_);
    const guint count = count_.load(std::memory_order_relaxed);
    const bool room = count < most_ - 1 && !closed_.load();
    if (room) {
        kept_[count] = memory;
        count_.store(count + 1, std::memory_order_relaxed);
    }
    g_mutex_unlock(&mutex_);
    return room;
}

void Shelf::close() noexcept {
    g_mutex_lock(&mutex_);
    closed_.store(true);
    g_mutex_unlock(&mutex_);
    while (GstMemory* memory = take()) {
        memory->mini_object.dispose = nullptr;
        gst_memory_unref(memory);
    }
}

namespace {

struct Keeping {
    GstAllocator parent;
    GstAllocator* of;
    guint most;
    std::atomic<Shelf*> shelf; // since the first request
};

// GstMiniObject's hook: false keeps the memory, whose last reference has just gone.
gboolean keep(GstMiniObject* object) {
    GstMemory* const memory = GST_MEMORY_CAST(object);
    // A share or a map that was not ended: GStreamer says so when it frees it.
    if (object->lockstate != 0)
        return TRUE;
    make_as_new(memory);
    gst_memory_ref(memory);
    if (static_cast<Shelf*>(companion_of(memory))->put(memory))
        return FALSE;
    object->dispose = nullptr;
    g_atomic_int_add(&object->refcount, -1);
    return TRUE;
}

// What is on no shelf because the caller wants zero where somebody may have written since.
bool may_be_kept(const GstAllocationParams& params) {
    return !(params.flags & (GST_MEMORY_FLAG_ZERO_PREFIXED | GST_MEMORY_FLAG_ZERO_PADDED));
}

Shelf* shelf_for(Keeping& keeping, gsize size, const GstAllocationParams& params) {
    Shelf* there = keeping.shelf.load(std::memory_order_acquire);
    if (there || !may_be_kept(params)) [[likely]]
        return there;
    Shelf* const made = Shelf::make(keeping.most, size, params);
    if (made && keeping.shelf.compare_exchange_strong(there, made))
        return made;
    if (made)
        made->unref();
    return there;
}

GstMemory* allocate_kept(GstAllocator* allocator, gsize size, GstAllocationParams* params) {
    Keeping& keeping = *reinterpret_cast<Keeping*>(allocator);
    Shelf* const shelf = shelf_for(keeping, size, *params);
    const bool ours = shelf && shelf->is_for(size, *params);
    if (ours)
        if (GstMemory* memory = shelf->take()) [[likely]]
            return memory;
    GstMemory* const memory = gst_allocator_alloc(keeping.of, size, params);
    if (memory && ours) {
        shelf->ref();
        set_companion(memory, shelf, [](gpointer owned) { static_cast<Shelf*>(owned)->unref(); });
        memory->mini_object.dispose = keep;
    }
    return memory;
}

gpointer parent_class = nullptr;

void finalize_keeping(GObject* object) {
    Keeping& keeping = *reinterpret_cast<Keeping*>(object);
    if (Shelf* shelf = keeping.shelf.load()) {
        shelf->close();
        shelf->unref();
    }
    if (keeping.of)
        gst_object_unref(keeping.of);
    G_OBJECT_CLASS(parent_class)->finalize(object);
}

void initialize_keeping_class(gpointer kind, gpointer) {
    parent_class = g_type_class_peek_parent(kind);
    G_OBJECT_CLASS(kind)->finalize = finalize_keeping;
    GST_ALLOCATOR_CLASS(kind)->alloc = allocate_kept;
}

GType keeping_type() {
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        const GType type = g_type_register_static_simple(GST_TYPE_ALLOCATOR, "HwallocGstKeepingAllocator",
                                                         sizeof(GstAllocatorClass), initialize_keeping_class,
                                                         sizeof(Keeping), nullptr, GTypeFlags{});
        g_once_init_leave(&once, type);
    }
    return once;
}

} // namespace

} // namespace hwalloc::gst

GstAllocator* hwalloc_gst_keeping_allocator_new(GstAllocator* allocator, guint most) noexcept {
    using namespace hwalloc::gst;
    if (!allocator || !part_of(allocator))
        return nullptr;
    auto* made = static_cast<GstAllocator*>(g_object_new(keeping_type(), nullptr));
    gst_object_ref_sink(made);
    made->mem_type = allocator->mem_type;
    auto& keeping = *reinterpret_cast<Keeping*>(made);
    keeping.of = static_cast<GstAllocator*>(gst_object_ref(allocator));
    keeping.most = most;
    return made;
}
