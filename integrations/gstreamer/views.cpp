#include "views.h"

#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "hwalloc/block.h"
#include "memory.h"
#include "plain_memory.h"

namespace hwalloc::gst {

namespace {

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

guint flags_of_share(GstMemory* root, gsize offset, gsize size) {
    guint flags = GST_MINI_OBJECT_FLAGS(root) | GST_MEMORY_FLAG_READONLY;
    // Zero is what was before and behind the root's window.
    if (offset > root->offset)
        flags &= ~static_cast<guint>(GST_MEMORY_FLAG_ZERO_PREFIXED);
    if (offset + size < root->offset + root->size)
        flags &= ~static_cast<guint>(GST_MEMORY_FLAG_ZERO_PADDED);
    return flags;
}

// Keeps writers from the root while a share of a share is made: gst_memory_share() locks the share alone, and
// gst_memory_init() takes no notice when it cannot lock the root.
class RootLock {
public:
    explicit RootLock(GstMemory* memory) noexcept
        : root_(memory->parent), held_(!root_ || gst_memory_lock(root_, GST_LOCK_FLAG_EXCLUSIVE)) {}
    ~RootLock() {
        if (root_ && held_)
            gst_memory_unlock(root_, GST_LOCK_FLAG_EXCLUSIVE);
    }
    RootLock(const RootLock&) = delete;
    RootLock& operator=(const RootLock&) = delete;
    bool held() const noexcept { return held_; }

private:
    GstMemory* root_; // null of a root, which gst_memory_share() has locked
    bool held_;
};

// What a share is to be, or false where there may be none, which is told.
struct Piece {
    GstMemory* root;
    gsize start, length;
    guint flags;
};
bool find_piece(GstMemory* memory, gssize offset, gssize size, const RootLock& lock, Piece& piece) {
    gsize from = 0;
    if (!part_of_window(memory, offset, size, from, piece.length)) [[unlikely]] {
        refuse_part(memory, "sharing");
        return false;
    }
    if (!lock.held()) [[unlikely]] {
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
    const RootLock lock(memory);
    Piece piece;
    if (!find_piece(memory, offset, size, lock, piece)) [[unlikely]]
        return nullptr;
    auto* view = static_cast<PlainMemory*>(g_slice_alloc(sizeof(PlainMemory)));
    gst_memory_init(&view->gst, static_cast<GstMemoryFlags>(piece.flags), memory->allocator, piece.root,
                    piece.root->maxsize, piece.root->align, piece.start, piece.length);
    view->storage = plain_of(memory)->storage;
    new (&view->base) std::atomic(plain_of(memory)->base.load(std::memory_order_relaxed));
    return &view->gst;
}

GstMemory* share_fd(GstMemory* memory, gssize offset, gssize size) {
    const RootLock lock(memory);
    Piece piece;
    if (!find_piece(memory, offset, size, lock, piece))
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
    Memory* const owner = storage_of(memory);
    if (!owner) [[unlikely]]
        return part_of(memory->allocator)->copy_by_parent(memory, offset, static_cast<gssize>(length));
    Memory& storage = *owner;
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

void set_view_functions(GstAllocator* allocator, const Part& part) noexcept {
    allocator->mem_share = part.form == Form::plain ? share_plain : share_fd;
    allocator->mem_copy = copy;
    allocator->mem_is_span = is_span;
}

} // namespace hwalloc::gst
