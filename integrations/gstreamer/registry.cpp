// Which allocators of hwalloc GStreamer knows, and by which names.
#include <string>
#include <string_view>

#include "allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/gst.h"
#include "hwalloc/inventory.h"
#include "part.h"

namespace hwalloc::gst {

namespace {

constexpr std::string_view prefix = "hwalloc/";

// What was made: GStreamer keeps registered allocators for ever, and so does this table, by their Allocator.
GMutex table_mutex;
GHashTable* table = nullptr;

// Under one name more: the allocator's "hwalloc/NAME", and NAME if nobody has it.
void register_name(const char* name, GstAllocator* allocator) {
    const std::string own = std::string(prefix) + name;
    for (const char* each : {own.c_str(), name}) {
        if (GstAllocator* there = gst_allocator_find(each))
            gst_object_unref(there);
        else
            gst_allocator_register(each, static_cast<GstAllocator*>(gst_object_ref(allocator)));
    }
}

// The GstAllocator of an Allocator, which is the same each time; the table's reference is lent.
Result<GstAllocator*> known(Allocator& allocator) {
    g_mutex_lock(&table_mutex);
    if (!table)
        table = g_hash_table_new(g_direct_hash, g_direct_equal);
    auto* there = static_cast<GstAllocator*>(g_hash_table_lookup(table, &allocator));
    g_mutex_unlock(&table_mutex);
    if (there)
        return there;
    auto made = make_allocator(allocator);
    if (!made)
        return made;
    g_mutex_lock(&table_mutex);
    there = static_cast<GstAllocator*>(g_hash_table_lookup(table, &allocator));
    if (!there)
        g_hash_table_insert(table, &allocator, *made);
    g_mutex_unlock(&table_mutex);
    if (!there)
        return made;
    gst_object_unref(*made); // another thread was faster
    return there;
}

// All that work.
void register_all() try {
    auto items = inventory();
    if (!items) {
        refuse(nullptr, "listing the allocators", items.error());
        return;
    }
    for (const InventoryItem& item : *items) {
        auto* describes = item.allocator ? item.allocator->extension<Describes>() : nullptr;
        if (!item.allocator || item.why || (describes && !describes->claims().alloc))
            continue;
        auto made = known(*item.allocator);
        if (!made) {
            refuse(nullptr, item.name.c_str(), made.error());
            continue;
        }
        register_name(item.name.c_str(), *made);
        for (const std::string& alias : item.aliases)
            register_name(alias.c_str(), *made);
    }
} catch (const std::bad_alloc&) {
    refuse(nullptr, "listing the allocators", Error(ErrorKind::exhausted, "memory is short"));
}

void set_error(GError** error, const Error& why) {
    if (error)
        *error = g_error_new_literal(HWALLOC_GST_ERROR, static_cast<int>(why.kind()), why.message().c_str());
}

} // namespace

} // namespace hwalloc::gst

using namespace hwalloc;

GQuark hwalloc_gst_error_quark() noexcept {
    return g_quark_from_static_string("hwalloc-gst-error");
}

void hwalloc_gst_init_once() noexcept {
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        gst::register_all();
        g_once_init_leave(&once, 1);
    }
}

GstAllocator* hwalloc_gst_allocator_get(const gchar* name, GError** error) noexcept try {
    std::string_view asked = name ? name : "";
    if (asked.starts_with(gst::prefix))
        asked.remove_prefix(gst::prefix.size());
    auto allocator = Allocator::resolve(asked);
    if (!allocator) {
        gst::set_error(error, allocator.error());
        return nullptr;
    }
    auto made = gst::known(**allocator);
    if (!made) {
        gst::set_error(error, made.error());
        return nullptr;
    }
    for (const std::string_view each : {(*allocator)->name(), asked})
        if (!each.empty())
            gst::register_name(std::string(each).c_str(), *made);
    return static_cast<GstAllocator*>(gst_object_ref(*made));
} catch (const std::bad_alloc&) {
    g_set_error_literal(error, HWALLOC_GST_ERROR, static_cast<int>(ErrorKind::exhausted), "memory is short");
    return nullptr;
}

const gchar* hwalloc_gst_allocator_name(GstAllocator* allocator) noexcept {
    const auto* part = allocator ? gst::part_of(allocator) : nullptr;
    return part ? part->allocator->name().data() : nullptr;
}
