// Memory for C.
#include <cstddef>
#include <cstring>

#include "bindings/c/answer.h"
#include "hwalloc/block.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/capabilities.h"

using namespace hwalloc;
using c::answer;
using c::of;
using c::refuse;
using c::refuse_null;
using c::to_c;

namespace {

constexpr const char *no_memory = "there is no memory", *no_result = "there is no place for the result";

// A hwalloc_map_info is its size and a MapInfo.
constexpr std::size_t ahead = offsetof(hwalloc_map_info, memory);
static_assert(sizeof(hwalloc_map_info) == ahead + sizeof(MapInfo));
static_assert(offsetof(hwalloc_map_info, data) == ahead + offsetof(MapInfo, data));
static_assert(offsetof(hwalloc_map_info, size) == ahead + offsetof(MapInfo, size));
static_assert(offsetof(hwalloc_map_info, maxsize) == ahead + offsetof(MapInfo, maxsize));
static_assert(offsetof(hwalloc_map_info, flags) == ahead + offsetof(MapInfo, flags));
static_assert(offsetof(hwalloc_map_info, user_data) == ahead + offsetof(MapInfo, user_data));

// Of a caller with a smaller one nothing is known yet; what a larger one has more is 0 from here on.
[[gnu::cold]] int take_other_size(hwalloc_map_info& info, hwalloc_error** error) noexcept {
    if (info.struct_size < sizeof info)
        return refuse_null("struct_size is not set: it is the sizeof of hwalloc_map_info", error);
    if (auto sane = c::check_size(info.struct_size); !sane)
        return refuse(sane.error(), error);
    std::memset(reinterpret_cast<unsigned char*>(&info) + sizeof info, 0, info.struct_size - sizeof info);
    return 0;
}
int take_size(hwalloc_map_info& info, hwalloc_error** error) noexcept {
    return info.struct_size == sizeof info ? 0 : take_other_size(info, error);
}
// The same bytes, where the caller has them: copies of them there and back would cost more than a map.
MapInfo& in_cxx(hwalloc_map_info& info) noexcept {
    return *reinterpret_cast<MapInfo*>(&info.memory);
}

// Calls `with` for the MapInfo that is the caller's.
template<class F>
int on_map_info(hwalloc_memory* memory, hwalloc_map_info* info, hwalloc_error** error, F&& with) noexcept {
    if (!memory || !info) [[unlikely]]
        return refuse_null(memory ? no_result : no_memory, error);
    if (const int refused = take_size(*info, error); refused) [[unlikely]]
        return refused;
    return answer(with(*of(memory), in_cxx(*info)), error);
}

} // namespace

int hwalloc_alloc(hwalloc_allocator* allocator, size_t size, const hwalloc_allocation_params* params,
                  hwalloc_memory** memory, hwalloc_error** error) noexcept {
    if (!memory) [[unlikely]]
        return refuse_null(no_result, error);
    AllocationParams wanted;
    if (params) {
        const auto read = c::read_struct(params);
        if (!read)
            return refuse(read.error(), error);
        if (read->reserved)
            return refuse_null("a reserved member is not 0", error);
        wanted = {.flags = static_cast<MemoryFlags>(read->flags),
                  .align = read->align,
                  .prefix = read->prefix,
                  .padding = read->padding};
    }
    return answer(allocator ? of(allocator)->alloc(size, wanted) : alloc(size, wanted), memory, error);
}
int hwalloc_new_wrapped(uint32_t flags, void* data, size_t maxsize, size_t offset, size_t size,
                        void* user_data, hwalloc_notify notify, hwalloc_memory** memory,
                        hwalloc_error** error) noexcept {
    if (!memory)
        return refuse_null(no_result, error);
    return answer(
        new_wrapped(static_cast<MemoryFlags>(flags), data, maxsize, offset, size, user_data, notify), memory,
        error);
}
hwalloc_memory* hwalloc_memory_ref(hwalloc_memory* memory) noexcept {
    if (!memory)
        return nullptr;
    auto handle = of(memory)->ref();
    return handle ? to_c(handle->detach()) : nullptr;
}
void hwalloc_memory_unref(hwalloc_memory* memory) noexcept {
    MemoryRef::adopt(of(memory)).reset();
}
int hwalloc_free(hwalloc_allocator* allocator, hwalloc_memory* memory, hwalloc_error** error) noexcept {
    if (!allocator)
        return refuse_null("there is no allocator", error);
    MemoryRef handle = MemoryRef::adopt(of(memory));
    const auto freed = of(allocator)->free(static_cast<MemoryRef&&>(handle));
    (void)handle.detach(); // where it is another's nothing was moved, and it stays the caller's
    return answer(freed, error);
}

hwalloc_allocator* hwalloc_memory_allocator(const hwalloc_memory* memory) noexcept {
    return memory ? to_c(&of(memory)->allocator()) : nullptr;
}
const hwalloc_memory* hwalloc_memory_parent(const hwalloc_memory* memory) noexcept {
    return memory ? reinterpret_cast<const hwalloc_memory*>(of(memory)->parent()) : nullptr;
}
size_t hwalloc_memory_size(const hwalloc_memory* memory) noexcept {
    return memory ? of(memory)->size() : 0;
}
size_t hwalloc_memory_offset(const hwalloc_memory* memory) noexcept {
    return memory ? of(memory)->offset() : 0;
}
size_t hwalloc_memory_maxsize(const hwalloc_memory* memory) noexcept {
    return memory ? of(memory)->maxsize() : 0;
}
size_t hwalloc_memory_align(const hwalloc_memory* memory) noexcept {
    return memory ? of(memory)->align() : 0;
}
uint32_t hwalloc_memory_flags(const hwalloc_memory* memory) noexcept {
    return memory ? static_cast<uint32_t>(of(memory)->flags()) : 0;
}
int hwalloc_memory_is_type(const hwalloc_memory* memory, const char* mem_type) noexcept {
    return memory && of(memory)->is_type(mem_type);
}
int hwalloc_memory_is_writable(const hwalloc_memory* memory) noexcept {
    return memory && of(memory)->is_writable();
}
uint32_t hwalloc_memory_ref_count(const hwalloc_memory* memory) noexcept {
    return memory ? of(memory)->ref_count() : 0;
}

int hwalloc_memory_map(hwalloc_memory* memory, hwalloc_map_info* info, uint32_t flags,
                       hwalloc_error** error) noexcept {
    return on_map_info(memory, info, error,
                       [&](Memory& on, MapInfo& ours) { return on.map(ours, static_cast<MapFlags>(flags)); });
}
int hwalloc_memory_unmap(hwalloc_memory* memory, hwalloc_map_info* info, hwalloc_error** error) noexcept {
    return on_map_info(memory, info, error, [](Memory& on, MapInfo& ours) { return on.unmap(ours); });
}
int hwalloc_make_mapped(hwalloc_memory* memory, hwalloc_map_info* info, uint32_t flags,
                        hwalloc_memory** mapped, hwalloc_error** error) noexcept {
    MemoryRef handle = MemoryRef::adopt(of(memory));
    if (!handle || !info || !mapped)
        return refuse_null(handle ? no_result : no_memory, error);
    if (const int refused = take_size(*info, error); refused)
        return refused;
    auto made = make_mapped(std::move(handle), static_cast<MapFlags>(flags));
    in_cxx(*info) = made ? made->mapping.release() : MapInfo();
    return made ? answer(std::move(made->memory), mapped, error) : refuse(made.error(), error);
}
int hwalloc_make_writable(hwalloc_memory* memory, hwalloc_memory** writable, hwalloc_error** error) noexcept {
    MemoryRef handle = MemoryRef::adopt(of(memory));
    if (!handle || !writable)
        return refuse_null(handle ? no_result : no_memory, error);
    return answer(make_writable(std::move(handle)), writable, error);
}
int hwalloc_memory_begin_cpu_access(hwalloc_memory* memory, hwalloc_map_info* info, uint32_t flags,
                                    hwalloc_error** error) noexcept {
    return on_map_info(memory, info, error, [&](Memory& on, MapInfo& ours) {
        ours = {}; // a caller's may hold anything but its size
        return on.block().begin_cpu_access(on, ours, static_cast<MapFlags>(flags));
    });
}
int hwalloc_memory_end_cpu_access(hwalloc_memory* memory, hwalloc_map_info* info,
                                  hwalloc_error** error) noexcept {
    return on_map_info(memory, info, error,
                       [](Memory& on, MapInfo& ours) { return on.block().end_cpu_access(on, ours); });
}
int hwalloc_memory_lock(hwalloc_memory* memory, uint32_t flags, hwalloc_error** error) noexcept {
    return memory ? answer(of(memory)->lock(static_cast<LockFlags>(flags)), error)
                  : refuse_null(no_memory, error);
}
int hwalloc_memory_unlock(hwalloc_memory* memory, uint32_t flags, hwalloc_error** error) noexcept {
    return memory ? answer(of(memory)->unlock(static_cast<LockFlags>(flags)), error)
                  : refuse_null(no_memory, error);
}

int hwalloc_memory_share(hwalloc_memory* memory, size_t offset, size_t size, hwalloc_memory** share,
                         hwalloc_error** error) noexcept {
    if (!memory || !share) [[unlikely]]
        return refuse_null(memory ? no_result : no_memory, error);
    return answer(of(memory)->share(offset, size), share, error);
}
int hwalloc_memory_copy(hwalloc_memory* memory, size_t offset, size_t size, hwalloc_allocator* target,
                        hwalloc_memory** copy, hwalloc_error** error) noexcept {
    if (!memory || !copy)
        return refuse_null(memory ? no_result : no_memory, error);
    return answer(of(memory)->copy(offset, size, of(target)), copy, error);
}
int hwalloc_memory_is_span(const hwalloc_memory* a, const hwalloc_memory* b, size_t* offset) noexcept {
    return a && b && Memory::is_span(*of(a), *of(b), offset);
}
int hwalloc_memory_resize(hwalloc_memory* memory, ptrdiff_t delta, size_t size,
                          hwalloc_error** error) noexcept {
    return memory ? answer(of(memory)->resize(delta, size), error) : refuse_null(no_memory, error);
}
int hwalloc_memory_set_window(hwalloc_memory* memory, size_t offset, size_t size,
                              hwalloc_error** error) noexcept {
    return memory ? answer(of(memory)->set_window(offset, size), error) : refuse_null(no_memory, error);
}

int hwalloc_memory_set_user_data(hwalloc_memory* memory, void* data, hwalloc_notify destroy,
                                 hwalloc_error** error) noexcept {
    if (!memory || !data || !destroy)
        return refuse_null(memory ? "there is no data, or nothing to end it" : no_memory, error);
    return of(memory)->block().set_user_data(data, destroy)
               ? 0
               : refuse(Error(ErrorKind::busy, "the storage has user data already"), error);
}
void* hwalloc_memory_user_data(const hwalloc_memory* memory, hwalloc_notify destroy) noexcept {
    return memory ? of(memory)->block().user_data(destroy) : nullptr;
}
