// Passes buffers on, and answers what is in front of it, when that asks where frames shall be: an allocator,
// a pool, and that frames may be laid out as a driver likes where what is behind takes that.
#include "hwallocate.h"

#include <gst/base/gstbasetransform.h>
#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>

#include <new>
#include <string>

#include "buffer_pool.h"
#include "choice.h"
#include "frame_size.h"
#include "hwalloc/gst.h"

namespace hwalloc::gst {

namespace {

struct Hwallocate {
    GstBaseTransform parent;
    // Guarded by the object's lock.
    gchar* allocator;
    guint min_buffers;
    gchar* chosen;
};

enum Property : guint { allocator_property = 1, min_buffers_property, chosen_property };
constexpr const char* automatic = "auto";
constexpr guint standard_min_buffers = 4;

gpointer element_parent_class = nullptr;
GParamSpec* chosen_spec = nullptr;

Hwallocate& self_of(gpointer object) {
    return *static_cast<Hwallocate*>(object);
}

void set_chosen(Hwallocate& self, const std::string& story) {
    GST_OBJECT_LOCK(&self);
    g_free(self.chosen);
    self.chosen = g_strdup(story.c_str());
    GST_OBJECT_UNLOCK(&self);
    g_object_notify_by_pspec(G_OBJECT(&self), chosen_spec);
}

void set_property(GObject* object, guint property, const GValue* value, GParamSpec* spec) {
    Hwallocate& self = self_of(object);
    GST_OBJECT_LOCK(&self);
    switch (property) {
    case allocator_property:
        g_free(self.allocator);
        self.allocator = g_value_dup_string(value);
        break;
    case min_buffers_property:
        self.min_buffers = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, property, spec);
    }
    GST_OBJECT_UNLOCK(&self);
}

void get_property(GObject* object, guint property, GValue* value, GParamSpec* spec) {
    Hwallocate& self = self_of(object);
    GST_OBJECT_LOCK(&self);
    switch (property) {
    case allocator_property:
        g_value_set_string(value, self.allocator);
        break;
    case min_buffers_property:
        g_value_set_uint(value, self.min_buffers);
        break;
    case chosen_property:
        g_value_set_string(value, self.chosen);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, property, spec);
    }
    GST_OBJECT_UNLOCK(&self);
}

void finalize_element(GObject* object) {
    g_free(self_of(object).allocator);
    g_free(self_of(object).chosen);
    G_OBJECT_CLASS(element_parent_class)->finalize(object);
}

// What the elements behind answer to the same question, of which one thing is passed on: whether they take
// GstVideoMeta.
bool takes_video_meta_behind(GstBaseTransform* transform, GstCaps* caps) {
    GstQuery* const query = gst_query_new_allocation(caps, FALSE);
    const bool answered = gst_pad_peer_query(GST_BASE_TRANSFORM_SRC_PAD(transform), query);
    const bool takes = answered && gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    gst_query_unref(query);
    return takes;
}

// The allocator to offer, with a reference; null after a warning on the bus.
GstAllocator* choose(Hwallocate& self, gsize size) {
    GST_OBJECT_LOCK(&self);
    const std::string wanted = self.allocator ? self.allocator : automatic;
    GST_OBJECT_UNLOCK(&self);
    Choice choice =
        wanted == automatic ? choose_by_plan(GST_ELEMENT(&self), size) : choose_by_name(wanted, size);
    GError* error = nullptr;
    GstAllocator* allocator = nullptr;
    if (!choice.name.empty()) {
        allocator = hwalloc_gst_allocator_get(choice.name.c_str(), &error);
        if (!allocator)
            choice.why = error ? error->message : "it is no allocator of memory";
        g_clear_error(&error);
    }
    if (allocator) {
        GST_INFO_OBJECT(&self, "%s", choice.story.c_str());
        set_chosen(self, choice.story);
        return allocator;
    }
    GST_ELEMENT_WARNING(
        &self, RESOURCE, NOT_FOUND,
        ("hwallocate has no memory to offer (allocator=%s), and leaves the choice to others: %s",
         wanted.c_str(), choice.why.c_str()),
        ("%s", choice.story.c_str()));
    set_chosen(self, "none: " + choice.why);
    return nullptr;
}

void offer_pool(Hwallocate& self, GstQuery* query, GstCaps* caps, gsize size, GstAllocator* allocator) {
    GST_OBJECT_LOCK(&self);
    const guint least = self.min_buffers;
    GST_OBJECT_UNLOCK(&self);
    GstBufferPool* const pool = make_buffer_pool(allocator);
    GstStructure* const config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_set_params(config, caps, static_cast<guint>(size), least, 0);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (gst_buffer_pool_set_config(pool, config))
        gst_query_add_allocation_pool(query, pool, static_cast<guint>(size), least, 0);
    else
        GST_ELEMENT_WARNING(&self, RESOURCE, SETTINGS,
                            ("hwallocate has no pool for these frames: give caps that say more"),
                            ("%" GST_PTR_FORMAT, static_cast<void*>(caps)));
    gst_object_unref(pool);
}

gboolean propose_allocation(GstBaseTransform* transform, GstQuery* decided, GstQuery* query) {
    Hwallocate& self = self_of(transform);
    GstCaps* caps = nullptr;
    gboolean needs_pool = FALSE;
    gst_query_parse_allocation(query, &caps, &needs_pool);
    const Frame frame = frame_of(caps);
    GstAllocator* allocator = nullptr;
    try {
        allocator = frame.size ? choose(self, frame.size) : nullptr;
    } catch (const std::bad_alloc&) {
        GST_ELEMENT_WARNING(&self, RESOURCE, NO_SPACE_LEFT, ("memory is short"), (nullptr));
    }
    if (!allocator)
        return GST_BASE_TRANSFORM_CLASS(element_parent_class)->propose_allocation(transform, decided, query);
    GstAllocationParams params;
    gst_allocation_params_init(&params);
    gst_query_add_allocation_param(query, allocator, &params);
    if (needs_pool)
        offer_pool(self, query, caps, frame.size, allocator);
    if (takes_video_meta_behind(transform, caps))
        gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    gst_object_unref(allocator);
    return TRUE;
}

void add_properties(GObjectClass* object) {
    constexpr auto flags =
        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
    g_object_class_install_property(
        object, allocator_property,
        g_param_spec_string(
            "allocator", "Allocator",
            "The memory to offer, by its name in hwalloc (such as dma-heap/system or udmabuf; `hwalloc list` "
            "shows all), or auto: what the devices around this element take, found by trying",
            automatic, flags));
    g_object_class_install_property(object, min_buffers_property,
                                    g_param_spec_uint("min-buffers", "Least buffers",
                                                      "How many buffers the pool has from the beginning", 0,
                                                      32, standard_min_buffers, flags));
    chosen_spec =
        g_param_spec_string("chosen", "Chosen", "What was taken, and why; NULL until somebody has asked",
                            nullptr, static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
    g_object_class_install_property(object, chosen_property, chosen_spec);
}

void initialize_element_class(gpointer kind, gpointer) {
    element_parent_class = g_type_class_peek_parent(kind);
    auto* const object = G_OBJECT_CLASS(kind);
    object->set_property = set_property;
    object->get_property = get_property;
    object->finalize = finalize_element;
    add_properties(object);
    auto* const element = GST_ELEMENT_CLASS(kind);
    gst_element_class_set_static_metadata(element, "hwalloc's memory for what is in front", "Generic",
                                          "Passes buffers on, and has the element in front fill memory of "
                                          "hwalloc: of a dma-buf heap, udmabuf, a GPU, a display",
                                          "the hwalloc project");
    for (const auto& [name, direction] : {std::pair{"sink", GST_PAD_SINK}, {"src", GST_PAD_SRC}})
        gst_element_class_add_pad_template(
            element, gst_pad_template_new(name, direction, GST_PAD_ALWAYS, GST_CAPS_ANY));
    auto* const transform = GST_BASE_TRANSFORM_CLASS(kind);
    transform->passthrough_on_same_caps = TRUE;
    transform->propose_allocation = propose_allocation;
}

void initialize_element(GTypeInstance* instance, gpointer) {
    Hwallocate& self = self_of(instance);
    self.allocator = g_strdup(automatic);
    self.min_buffers = standard_min_buffers;
    gst_base_transform_set_passthrough(&self.parent, TRUE);
}

} // namespace

GType hwallocate_type() noexcept {
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        const GType type = g_type_register_static_simple(
            GST_TYPE_BASE_TRANSFORM, "Hwallocate", sizeof(GstBaseTransformClass), initialize_element_class,
            sizeof(Hwallocate), initialize_element, GTypeFlags{});
        g_once_init_leave(&once, type);
    }
    return once;
}

} // namespace hwalloc::gst
