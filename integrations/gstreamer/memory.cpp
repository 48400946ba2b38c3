#include "memory.h"

#include <gst/allocators/gstfdmemory.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"

namespace hwalloc::gst {

namespace {

// Memory without a descriptor.
struct PlainMemory {
    GstMemory gst;
    Memory* storage;    // a handle of the root's; of shares the root's, lent
    gpointer companion; // of a root alone, as is what releases it
    GDestroyNotify release;
    // Of the region, where its allocator's memory is mapped for good and somebody has asked.
    std::atomic<std::uint8_t*> base;
};

PlainMemory* plain_of(GstMemory* memory) {
    return reinterpret_cast<PlainMemory*>(memory);
}
GstMemory* root_of(GstMemory* memory) {
    return memory->parent ? memory->parent : memory;
}
// By what its class frees it, which takes no look at the tree of types.
bool is_plain(GstMemory* memory) {
    return GST_ALLOCATOR_GET_CLASS(memory->allocator)->free == free_plain;
}

// By which a root of the other forms, whose struct is GstFdAllocator's own, knows its storage and its
// companion.
GQuark storage_quark() {
    static GQuark quark = 0; // the same whoever asks first
    if (!quark) [[unlikely]]
        quark = g_quark_from_static_string("hwalloc-storage");
    return quark;
}
GQuark companion_quark() {
    static GQuark quark = 0;
    if (!quark) [[unlikely]]
        quark = g_quark_from_static_string("hwalloc-companion");
    return quark;
}
void release_storage(gpointer storage) {
    MemoryRef::adopt(static_cast<Memory*>(storage)).reset();
}

// GStreamer has the same bits, and one of its own (LOCKABLE).
guint flags_of(const Memory& storage) {
    return static_cast<guint>(storage.flags());
}

// The part [offset, offset + size) of the window, -1 for its end; false when it is outside.
bool part_of_window(const GstMemory* memory, gssize offset, gssize size, gsize& from, gsize& length) {
    if (offset < 0 || static_cast<gsize>(offset) > memory->size || size < -1)
        return false;
    from = static_cast<gsize>(offset);
    length = size == -1 ? memory->size - from : static_cast<gsize>(size);
    return length <= memory->size - from;
}

std::nullptr_t refuse_part(GstMemory* memory, const char* what) {
    return refuse(GST_OBJECT(memory->allocator), what,
                  Error(ErrorKind::invalid, "the part lies outside the memory's window"));
}

// ---- mapping

gpointer map(GstMemory* memory, GstMapInfo* info, gsize) {
    Memory& storage = *storage_of(memory);
    MapInfo access;
    const auto flags = static_cast<MapFlags>(info->flags & GST_MAP_READWRITE);
    if (auto begun = storage.block().begin_cpu_access(storage, access, flags); !begun) {
        // Elements try, and do without: memory that cannot be mapped is no fault.
        const bool expected =
            begun.error().kind() == ErrorKind::unsupported || begun.error().kind() == ErrorKind::conflict;
        return refuse(GST_OBJECT(memory->allocator), "mapping", begun.error(),
                      expected ? GST_LEVEL_INFO : GST_LEVEL_WARNING);
    }
    static_assert(sizeof info->user_data == sizeof access.user_data);
    std::ranges::copy(access.user_data, info->user_data);
    return access.data - storage.offset();
}

void unmap(GstMemory* memory, GstMapInfo* info) {
    Memory& storage = *storage_of(memory);
    MapInfo access;
    access.data = info->data;
    access.size = storage.size();
    access.maxsize = storage.maxsize() - storage.offset();
    access.flags = static_cast<MapFlags>(info->flags & GST_MAP_READWRITE);
    std::ranges::copy(info->user_data, access.user_data);
    if (auto ended = storage.block().end_cpu_access(storage, access); !ended)
        refuse(GST_OBJECT(memory->allocator), "ending a map", ended.error());
}

std::uint8_t* find_base(GstMemory* memory) {
    PlainMemory& plain = *plain_of(memory);
    Memory& storage = *plain.storage;
    MapInfo access;
    if (auto begun = storage.block().begin_cpu_access(storage, access, MapFlags::read); !begun)
        return refuse(GST_OBJECT(memory->allocator), "mapping", begun.error());
    std::uint8_t* const base = access.data - storage.offset();
    (void)storage.block().end_cpu_access(storage, access);
    plain.base.store(base, std::memory_order_relaxed); // whoever else finds it finds the same
    return base;
}

// Of an allocator whose memory is the process's own: mapped for good, and nobody's cache is maintained.
gpointer map_host(GstMemory* memory, gsize, GstMapFlags flags) {
    if (!(flags & GST_MAP_READWRITE)) [[unlikely]]
        return refuse(GST_OBJECT(memory->allocator), "mapping",
                      Error(ErrorKind::invalid, "an access needs READ, WRITE or both"));
    std::uint8_t* const base = plain_of(memory)->base.load(std::memory_order_relaxed);
    return base ? base : find_base(memory);
}

void unmap_host(GstMemory*) {}

// ---- shares

guint flags_of_share(GstMemory* root, gsize offset, gsize size) {
    guint flags = GST_MINI_OBJECT_FLAGS(root) | GST_MEMORY_FLAG_READONLY;
    // Zero is what was before and behind the root's window.
    if (offset > root->offset)
        flags &= ~static_cast<guint>(GST_MEMORY_FLAG_ZERO_PREFIXED);
    if (offset + size < root->offset + root->size)
        flags &= ~static_cast<guint>(GST_MEMORY_FLAG_ZERO_PADDED);
    return flags;
}

// What GStreamer's own lock of a share does not look at: a root that somebody writes.
bool root_can_be_shared(GstMemory* memory) {
    if (!memory->parent)
        return true; // gst_memory_share() has looked
    if (!gst_mini_object_lock(GST_MINI_OBJECT_CAST(memory->parent), GST_LOCK_FLAG_EXCLUSIVE))
        return false;
    gst_mini_object_unlock(GST_MINI_OBJECT_CAST(memory->parent), GST_LOCK_FLAG_EXCLUSIVE);
    return true;
}

// What a share is to be, or false where there may be none, which is told.
struct Piece {
    GstMemory* root;
    gsize start, length;
    guint flags;
};
bool find_piece(GstMemory* memory, gssize offset, gssize size, Piece& piece) {
    gsize from = 0;
    if (!part_of_window(memory, offset, size, from, piece.length)) [[unlikely]] {
        refuse_part(memory, "sharing");
        return false;
    }
    if (!root_can_be_shared(memory)) [[unlikely]] {
        refuse(GST_OBJECT(memory->allocator), "sharing",
               Error(ErrorKind::conflict, "the memory that it is a share of is mapped for writing"),
               GST_LEVEL_INFO);
        return false;
    }
    piece.root = root_of(memory);
    piece.start = memory->offset + from;
    piece.flags = flags_of_share(piece.root, piece.start, piece.length);
    return true;
}

GstMemory* share_plain(GstMemory* memory, gssize offset, gssize size) {
    Piece piece;
    if (!find_piece(memory, offset, size, piece)) [[unlikely]]
        return nullptr;
    auto* view = static_cast<PlainMemory*>(g_slice_alloc(sizeof(PlainMemory)));
    gst_memory_init(&view->gst, static_cast<GstMemoryFlags>(piece.flags), memory->allocator, piece.root,
                    piece.root->maxsize, piece.root->align, piece.start, piece.length);
    view->storage = plain_of(memory)->storage;
    new (&view->base) std::atomic(plain_of(memory)->base.load(std::memory_order_relaxed));
    return &view->gst;
}

GstMemory* share_fd(GstMemory* memory, gssize offset, gssize size) {
    Piece piece;
    if (!find_piece(memory, offset, size, piece))
        return nullptr;
    const auto share = part_of(memory->allocator)->share_by_parent;
    GstMemory* const view = share(memory, offset, static_cast<gssize>(piece.length));
    if (!view)
        return nullptr;
    view->offset = piece.start;
    view->size = piece.length;
    GST_MINI_OBJECT_FLAGS(view) = piece.flags;
    return view;
}

gboolean is_span(GstMemory* first, GstMemory* second, gsize* offset) {
    if (first->offset + first->size != second->offset)
        return FALSE;
    if (offset)
        *offset = first->offset - first->parent->offset;
    return TRUE;
}

// ---- copies

// Of bytes that are, in part, outside the window that the storage was made with.
Result<MemoryRef> copy_beyond(Memory& storage, gsize start, gsize length, gsize align) {
    AllocationParams params;
    params.align = align > default_align ? align : default_align;
    auto made = storage.allocator().alloc(length, params);
    if (!made)
        return std::move(made).error();
    auto target = (*made)->map(MapFlags::write);
    if (!target)
        return std::move(target).error();
    MapInfo source;
    if (auto begun = storage.block().begin_cpu_access(storage, source, MapFlags::read); !begun)
        return std::move(begun).error();
    std::memcpy(target->data(), source.data - storage.offset() + start, length);
    if (auto ended = storage.block().end_cpu_access(storage, source); !ended)
        return std::move(ended).error();
    if (auto ended = target->unmap(); !ended)
        return std::move(ended).error();
    return std::move(*made);
}

GstMemory* copy(GstMemory* memory, gssize offset, gssize size) {
    gsize from = 0, length = 0;
    if (!part_of_window(memory, offset, size, from, length))
        return refuse_part(memory, "copying");
    Memory& storage = *storage_of(memory);
    const gsize start = memory->offset + from;
    const bool inside = start >= storage.offset() && start + length <= storage.offset() + storage.size();
    auto made = inside ? storage.copy(start - storage.offset(), length)
                       : copy_beyond(storage, start, length, memory->align);
    if (!made)
        return refuse(GST_OBJECT(memory->allocator), "copying", made.error());
    auto given = give(memory->allocator, *part_of(memory->allocator), std::move(*made));
    return given ? *given : refuse(GST_OBJECT(memory->allocator), "copying", given.error());
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

void set_memory_functions(GstAllocator* allocator, const Part& part) noexcept {
    allocator->mem_map_full = map;
    allocator->mem_unmap_full = unmap;
    if (part.form == Form::plain && part.allocator->extension<WrapsHostMemory>()) {
        allocator->mem_map_full = nullptr;
        allocator->mem_unmap_full = nullptr;
        allocator->mem_map = map_host;
        allocator->mem_unmap = unmap_host;
    }
    allocator->mem_share = part.form == Form::plain ? share_plain : share_fd;
    allocator->mem_copy = copy;
    allocator->mem_is_span = is_span;
}

} // namespace hwalloc::gst
