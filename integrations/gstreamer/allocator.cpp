#include "allocator.h"

#include <gst/allocators/gstdmabuf.h>
#include <gst/allocators/gstfdmemory.h>

#include <new>
#include <string_view>
#include <utility>

#include "access.h"
#include "hwalloc/capabilities.h"
#include "memory.h"
#include "part.h"
#include "plain_memory.h"
#include "views.h"

namespace hwalloc::gst {

namespace {

template<class Parent>
struct Instance {
    Parent parent;
    Part part;
};
using PlainInstance = Instance<GstAllocator>;
using FdInstance = Instance<GstFdAllocator>;
using DmaBufInstance = Instance<GstDmaBufAllocator>;

// What hwalloc knows of a caller's flags, and what is the caller's own; GStreamer has bits beside these.
MemoryFlags flags_for(GstMemoryFlags wanted) {
    constexpr auto known = MemoryFlags::readonly | MemoryFlags::may_be_leaked | MemoryFlags::no_share |
                           MemoryFlags::zero_prefixed | MemoryFlags::zero_padded |
                           MemoryFlags::physically_contiguous | MemoryFlags::not_mappable;
    constexpr auto below_custom =
        static_cast<MemoryFlags>(static_cast<std::uint32_t>(MemoryFlags::custom_base) - 1);
    return static_cast<MemoryFlags>(wanted) & (known | ~below_custom);
}

template<class Self>
GstMemory* allocate(GstAllocator* allocator, gsize size, GstAllocationParams* wanted) {
    const Part& part = reinterpret_cast<Self*>(allocator)->part;
    AllocationParams params;
    params.flags = flags_for(wanted->flags);
    params.align = wanted->align | gst_memory_alignment;
    params.prefix = wanted->prefix;
    params.padding = wanted->padding;
    auto memory = part.allocator->alloc(size, params);
    if (!memory) [[unlikely]]
        return refuse(GST_OBJECT(allocator), "allocating", memory.error());
    auto given = give(allocator, part, std::move(*memory));
    return given ? *given : refuse(GST_OBJECT(allocator), "allocating", given.error());
}

// As text that ends with zero and lives for ever.
const char* interned(std::string_view name) {
    gchar* const copy = g_strndup(name.data(), name.size());
    const char* const text = g_intern_string(copy);
    g_free(copy);
    return text;
}

void keep_functions_of_parent(const GstAllocator& made, Part& part) {
    part.share_by_parent = made.mem_share;
    part.copy_by_parent = made.mem_copy;
    part.map_full_by_parent = made.mem_map_full;
    part.map_by_parent = made.mem_map;
    part.unmap_full_by_parent = made.mem_unmap_full;
    part.unmap_by_parent = made.mem_unmap;
}

// An instance as everybody else sees it: with its part, and with functions for its memory.
template<class Self>
GstAllocator* make(Allocator& allocator, GType type, Form form) {
    auto* made = static_cast<GstAllocator*>(g_object_new(type, nullptr));
    gst_object_ref_sink(made);
    gst_object_set_name(GST_OBJECT(made),
                        allocator.name().data()); // one that another has already is no error
    Part& part = reinterpret_cast<Self*>(made)->part;
    part = {.allocator = &allocator, .form = form};
    if (form == Form::plain)
        made->mem_type = interned(allocator.mem_type());
    else
        keep_functions_of_parent(*made, part);
    set_part(made, part);
    GST_OBJECT_FLAGS(made) &= ~guint{GST_ALLOCATOR_FLAG_CUSTOM_ALLOC};
    set_access_functions(made, part);
    set_view_functions(made, part);
    return made;
}

template<class Self>
void initialize_class(gpointer kind, gpointer) {
    GST_ALLOCATOR_CLASS(kind)->alloc = allocate<Self>;
}
void initialize_plain_class(gpointer kind, gpointer data) {
    initialize_class<PlainInstance>(kind, data);
    GST_ALLOCATOR_CLASS(kind)->free = free_plain;
}

template<class Self>
GType type_once(gsize& once, GType parent, const char* name, gsize class_size, GClassInitFunc initialize) {
    if (g_once_init_enter(&once)) {
        const GType type = g_type_register_static_simple(parent, name, static_cast<guint>(class_size),
                                                         initialize, sizeof(Self), nullptr, GTypeFlags{});
        g_once_init_leave(&once, type);
    }
    return once;
}
GType plain_type() {
    static gsize once = 0;
    return type_once<PlainInstance>(once, GST_TYPE_ALLOCATOR, "HwallocGstAllocator",
                                    sizeof(GstAllocatorClass), initialize_plain_class);
}
GType fd_type() {
    static gsize once = 0;
    return type_once<FdInstance>(once, GST_TYPE_FD_ALLOCATOR, "HwallocGstFdAllocator",
                                 sizeof(GstFdAllocatorClass), initialize_class<FdInstance>);
}
GType dma_buf_type() {
    static gsize once = 0;
    return type_once<DmaBufInstance>(once, GST_TYPE_DMABUF_ALLOCATOR, "HwallocGstDmaBufAllocator",
                                     sizeof(GstDmaBufAllocatorClass), initialize_class<DmaBufInstance>);
}

} // namespace

Result<GstAllocator*> make_allocator(Allocator& allocator) noexcept {
    auto* describes = allocator.extension<Describes>();
    const auto claims = describes ? describes->claims() : Describes::Claims{.alloc = true};
    if (!claims.alloc)
        return Error(ErrorKind::unsupported, "the allocator takes memory of others and makes none");
    debug_category();
    if (claims.export_dmabuf)
        return make<DmaBufInstance>(allocator, dma_buf_type(), Form::dmabuf);
    if (claims.export_memfd)
        return make<FdInstance>(allocator, fd_type(), Form::memfd);
    return make<PlainInstance>(allocator, plain_type(), Form::plain);
}

} // namespace hwalloc::gst
