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
        if (closed_.load()) [[unlikely]]
            clear();
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
    clear();
}

void Shelf::clear() noexcept {
    // In one order with closed_, which take() need not keep.
    GstMemory* memory = nearest_.exchange(nullptr);
    for (; memory || (memory = take()); memory = nullptr) {
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
    std::atomic<bool> keeps;
};

// GstMiniObject's hook: false keeps the memory, whose last reference has just gone.
gboolean keep(GstMiniObject* object) {
    GstMemory* const memory = GST_MEMORY_CAST(object);
    // A share or a map that was not ended: GStreamer says so when it frees it.
    if (object->lockstate != 0)
        return TRUE;
    make_as_new(memory);
    gst_memory_ref(memory);
    auto* const shelf = static_cast<Shelf*>(companion_of(memory));
    shelf->ref(); // once it lies there, another thread may free the memory and the reference that it has
    const bool kept = shelf->put(memory);
    shelf->unref();
    if (kept)
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
    if (there || !keeping.keeps.load() || !may_be_kept(params)) [[likely]]
        return there;
    Shelf* const made = Shelf::make(keeping.most, size, params);
    if (made && keeping.shelf.compare_exchange_strong(there, made)) {
        if (!keeping.keeps.load()) [[unlikely]] // set_keeping_property() may have seen no shelf
            made->close();
        return made;
    }
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

enum KeepingProperty : guint { of_property = 1, keeps_property };

void get_keeping_property(GObject* object, guint property, GValue* value, GParamSpec* spec) {
    const Keeping& keeping = *reinterpret_cast<Keeping*>(object);
    switch (property) {
    case of_property:
        g_value_set_object(value, keeping.of);
        break;
    case keeps_property:
        g_value_set_boolean(value, keeping.keeps.load());
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, property, spec);
    }
}

void set_keeping_property(GObject* object, guint property, const GValue* value, GParamSpec* spec) {
    if (property != keeps_property) {
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, property, spec);
        return;
    }
    Keeping& keeping = *reinterpret_cast<Keeping*>(object);
    const bool keeps = g_value_get_boolean(value);
    keeping.keeps.store(keeps);
    Shelf* const shelf = keeping.shelf.load();
    if (!shelf)
        return;
    if (keeps)
        shelf->open();
    else
        shelf->close();
}

void add_keeping_properties(GObjectClass* object) {
    object->get_property = get_keeping_property;
    object->set_property = set_keeping_property;
    g_object_class_install_property(
        object, of_property,
        g_param_spec_object("of", "Of", "The allocator that it gives memory of", GST_TYPE_ALLOCATOR,
                            static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
    g_object_class_install_property(
        object, keeps_property,
        g_param_spec_boolean("keeps", "Keeps",
                             "Whether memory that nobody uses is kept; FALSE frees what was kept", TRUE,
                             static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS)));
}

void initialize_keeping_class(gpointer kind, gpointer) {
    parent_class = g_type_class_peek_parent(kind);
    G_OBJECT_CLASS(kind)->finalize = finalize_keeping;
    add_keeping_properties(G_OBJECT_CLASS(kind));
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
    keeping.keeps = true;
    return made;
}
