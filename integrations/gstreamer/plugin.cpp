// The plugin: has the element hwallocate, and registers the allocators that work when it is loaded, but for
// those that would load a library (Vulkan's), which register when they are asked for.
#include <gst/gst.h>

#include <new>
#include <string>

#include "hwalloc/capabilities.h"
#include "hwalloc/gst.h"
#include "hwalloc/inventory.h"
#include "hwallocate.h"

namespace {

void register_name(const std::string& name) {
    if (GstAllocator* allocator = hwalloc_gst_allocator_get(name.c_str(), nullptr))
        gst_object_unref(allocator);
}

gboolean initialize(GstPlugin* plugin) {
    if (!gst_element_register(plugin, "hwallocate", GST_RANK_NONE, hwalloc::gst::hwallocate_type()))
        return FALSE;
    try {
        auto items = hwalloc::inventory(hwalloc::InventoryScan::quick);
        if (!items)
            return TRUE; // who names one is told
        for (const auto& item : *items) {
            auto* describes =
                item.allocator && !item.why ? item.allocator->extension<hwalloc::Describes>() : nullptr;
            if (!describes || !describes->claims().alloc || !describes->available())
                continue;
            register_name(item.name);
            for (const auto& alias : item.aliases)
                register_name(alias);
        }
    } catch (const std::bad_alloc&) {
        return FALSE;
    }
    return TRUE;
}

} // namespace

#define PACKAGE "hwalloc"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, hwalloc,
                  "memory that cameras, GPUs and displays share", initialize, HWALLOC_VERSION, "MIT/X11",
                  "hwalloc", "hwalloc")
