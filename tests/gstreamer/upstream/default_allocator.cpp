// Preloaded into a test program of GStreamer's own, makes the allocator that HWALLOC_TEST_DEFAULT names
// GStreamer's default: behind gst_init(), which sets another, and ahead of the first test. Says so, or ends
// the program. Each process says at its end, in the file HWALLOC_TEST_COUNTED, how many memories of it were
// asked for.
#include <dlfcn.h>
#include <fcntl.h>
#include <gst/allocators/gstdmabuf.h>
#include <gst/allocators/gstfdmemory.h>
#include <gst/gst.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "hwalloc/gst.h"

namespace {

std::atomic<unsigned> memories = 0;
GstMemory* (*alloc_uncounted)(GstAllocator*, gsize, GstAllocationParams*) = nullptr;

GstMemory* alloc_counted(GstAllocator* allocator, gsize size, GstAllocationParams* params) {
    memories.fetch_add(1, std::memory_order_relaxed);
    return alloc_uncounted(allocator, size, params);
}

[[noreturn]] void end(const char* name, const char* why) {
    g_printerr("default allocator: no %s: %s\n", name, why);
    std::exit(1);
}

void set_default() {
    const char* const name = std::getenv("HWALLOC_TEST_DEFAULT");
    if (!name)
        end("name", "HWALLOC_TEST_DEFAULT is not set");
    GError* error = nullptr;
    GstAllocator* const allocator = hwalloc_gst_allocator_get(name, &error);
    if (!allocator)
        end(name, error->message);
    GstAllocatorClass* const type = GST_ALLOCATOR_GET_CLASS(allocator);
    alloc_uncounted = type->alloc;
    type->alloc = alloc_counted;
    gst_allocator_set_default(allocator);
    // What programs have that name none.
    GstMemory* const memory = gst_allocator_alloc(nullptr, 1, nullptr);
    if (!memory || memory->allocator != allocator || memories.exchange(0) != 1)
        end(name, "GStreamer did not take it");
    gst_memory_unref(memory);
    g_printerr("default allocator: %s\n", hwalloc_gst_allocator_name(allocator));
}

// Of each test, which is a process of its own.
__attribute__((destructor)) void say_how_many() {
    const char* const file = std::getenv("HWALLOC_TEST_COUNTED");
    const int fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd < 0)
        return;
    const std::string line = std::to_string(memories.load()) + "\n";
    if (write(fd, line.data(), line.size()) < 0)
        g_printerr("default allocator: cannot write %s\n", file);
    close(fd);
}

// GStreamer's function of that name, which one here stands in front of.
template<class Function>
Function* behind(const char* name) {
    auto* const function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
    if (!function)
        end(name, "this is no test program of GStreamer's");
    return function;
}

// The default, if it is of this kind, or else what GStreamer makes.
GstAllocator* for_descriptors(bool dma_bufs, const char* name) {
    GstAllocator* const allocator = gst_allocator_find(nullptr);
    if (!GST_IS_FD_ALLOCATOR(allocator) || GST_IS_DMABUF_ALLOCATOR(allocator) != dma_bufs) {
        gst_object_unref(allocator);
        return behind<GstAllocator*()>(name)();
    }
    memories.fetch_add(1, std::memory_order_relaxed);
    return allocator;
}

} // namespace

extern "C" {
[[gnu::visibility("default")]] void gst_check_init(int* argc, char** argv[]) {
    behind<void(int*, char***)>(__func__)(argc, argv);
    set_default();
}
[[gnu::visibility("default")]] GstAllocator* gst_dmabuf_allocator_new() {
    return for_descriptors(true, __func__);
}
[[gnu::visibility("default")]] GstAllocator* gst_fd_allocator_new() {
    return for_descriptors(false, __func__);
}
}
