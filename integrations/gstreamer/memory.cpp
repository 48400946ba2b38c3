#include "memory.h"

#include <gst/allocators/gstfdmemory.h>

#include <atomic>
#include <new>
#include <utility>

#include "hwalloc/capabilities.h"
#include "plain_memory.h"

namespace hwalloc::gst {

namespace {

// By which a root of the other forms, whose struct is GstFdAllocator's own, knows its storage and its
// companion.
GQuark storage_quark() {
    static std::atomic<GQuark> known = 0; // the same whoever asks first
    return quark_once(known, "hwalloc-storage");
}
GQuark companion_quark() {
    static std::atomic<GQuark> known = 0;
    return quark_once(known, "hwalloc-companion");
}
void release_storage(gpointer storage) {
    MemoryRef::adopt(static_cast<Memory*>(storage)).reset();
}

// GStreamer has the same bits, and one of its own (LOCKABLE).
guint flags_of(const Memory& storage) {
    return static_cast<guint>(storage.flags());
}

} // namespace

Memory* storage_of(GstMemory* memory) noexcept {
    if (is_plain(memory))
        return plain_of(memory)->storage;
    return static_cast<Memory*>(
        gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(root_of(memory)), storage_quark()));
}

void set_companion(GstMemory* root, gpointer companion, GDestroyNotify release) noexcept {
    if (!is_plain(root)) {
        gst_mini_object_set_qdata(GST_MINI_OBJECT_CAST(root), companion_quark(), companion, release);
        return;
    }
    plain_of(root)->companion = companion;
    plain_of(root)->release = release;
}

gpointer companion_of(GstMemory* root) noexcept {
    return is_plain(root) ? plain_of(root)->companion
                          : gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(root), companion_quark());
}

void make_as_new(GstMemory* root) noexcept {
    const Memory& storage = *storage_of(root);
    root->offset = storage.offset();
    root->size = storage.size();
    constexpr guint keep = GST_MINI_OBJECT_FLAG_LOCKABLE | GST_MINI_OBJECT_FLAG_MAY_BE_LEAKED;
    GST_MINI_OBJECT_FLAGS(root) = (GST_MINI_OBJECT_FLAGS(root) & keep) | flags_of(storage);
}

Result<GstMemory*> give(GstAllocator* by, const Part& part, MemoryRef memory) noexcept {
    Memory& storage = *memory;
    const auto [size, offset, maxsize] = storage.get_sizes();
    if (part.form == Form::plain) {
        auto* plain = static_cast<PlainMemory*>(g_slice_alloc(sizeof(PlainMemory)));
        gst_memory_init(&plain->gst, static_cast<GstMemoryFlags>(flags_of(storage)), by, nullptr, maxsize,
                        storage.align(), offset, size);
        plain->storage = memory.detach();
        plain->companion = nullptr;
        new (&plain->base) std::atomic<std::uint8_t*>(nullptr);
        return &plain->gst;
    }
    auto lent = borrow_fd(storage, part.form == Form::dmabuf ? FdKind::dmabuf : FdKind::memfd);
    if (!lent)
        return std::move(lent).error();
    // GStreamer has one offset, of the window in the descriptor's bytes.
    if (lent->offset != offset)
        return Error(ErrorKind::unsupported,
                     "the memory is a part of a larger buffer, which a GstFdMemory cannot say");
    // The descriptor is the storage's, which lives as long as this: a duplicate would be one more for each
    // memory.
    GstMemory* const given = gst_fd_allocator_alloc(by, lent->fd, maxsize, GST_FD_MEMORY_FLAG_DONT_CLOSE);
    if (!given)
        return Error(ErrorKind::exhausted, "GStreamer made no memory of the descriptor");
    given->align = storage.align();
    given->offset = offset;
    given->size = size;
    GST_MINI_OBJECT_FLAG_SET(given, flags_of(storage));
    gst_mini_object_set_qdata(GST_MINI_OBJECT_CAST(given), storage_quark(), memory.detach(), release_storage);
    return given;
}

void free_plain(GstAllocator*, GstMemory* memory) noexcept {
    PlainMemory* const plain = plain_of(memory);
    if (!memory->parent) {
        release_storage(plain->storage);
        if (plain->companion)
            plain->release(plain->companion);
    }
    g_slice_free1(sizeof(PlainMemory), plain);
}

} // namespace hwalloc::gst
