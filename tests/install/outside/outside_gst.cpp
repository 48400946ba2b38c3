// GStreamer finds hwalloc's memory by name, and has the plugin where the installation put it.
#include <hwalloc/gst.h>

#include <hwalloc/inventory.h>

#include <cstdio>
#include <string>

int main() {
    gst_init(nullptr, nullptr);
    GstAllocator* got = hwalloc_gst_allocator_get("memfd", nullptr);
    GstAllocator* found = gst_allocator_find("hwalloc/memfd");
    if (!got || got != found)
        return 1;
    GstMemory* memory = gst_allocator_alloc(found, 4096, nullptr);
    if (!memory)
        return 2;
    gst_memory_unref(memory);
    gst_object_unref(found);
    gst_object_unref(got);
    std::puts(std::string(hwalloc::version()).c_str());
    return 0;
}
