// The registry and its allocators for C.
#include <string_view>

#include "bindings/c/answer.h"
#include "hwalloc/c_allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"
#include "hwalloc/machine_memory.h"

using namespace hwalloc;
using c::answer;
using c::of;
using c::refuse;
using c::refuse_null;
using c::to_c;

namespace {

constexpr const char *no_allocator = "there is no allocator", *no_place = "there is no place for the result";

} // namespace

const char* hwalloc_version(void) noexcept {
    return version().data(); // a literal
}

hwalloc_allocator* hwalloc_find(const char* name) noexcept {
    return to_c(Allocator::find(name));
}
int hwalloc_resolve(const char* name, hwalloc_allocator** allocator, hwalloc_error** error) noexcept {
    if (!allocator)
        return refuse_null(no_place, error);
    const auto found = Allocator::resolve(name);
    if (!found)
        return refuse(found.error(), error);
    *allocator = to_c(*found);
    return 0;
}
int hwalloc_register(const char* name, hwalloc_allocator* allocator, hwalloc_error** error) noexcept {
    return answer(Allocator::register_allocator(name, AllocatorRef(of(allocator))), error);
}
int hwalloc_unregister(const char* name, hwalloc_error** error) noexcept {
    return answer(Allocator::unregister(name), error);
}
int hwalloc_set_default(hwalloc_allocator* allocator, hwalloc_error** error) noexcept {
    return answer(Allocator::set_default(AllocatorRef(of(allocator))), error);
}

const char* hwalloc_allocator_name(const hwalloc_allocator* allocator) noexcept {
    return allocator ? of(allocator)->name().data() : ""; // kept with its zero byte
}
size_t hwalloc_allocator_mem_type(const hwalloc_allocator* allocator, char* text, size_t size) noexcept {
    return c::copy_text(allocator ? of(allocator)->mem_type() : std::string_view(), text, size);
}
hwalloc_allocator* hwalloc_allocator_ref(hwalloc_allocator* allocator) noexcept {
    if (allocator)
        of(allocator)->ref();
    return allocator;
}
void hwalloc_allocator_unref(hwalloc_allocator* allocator) noexcept {
    if (allocator)
        of(allocator)->unref();
}

int hwalloc_allocator_properties(hwalloc_allocator* allocator, hwalloc_properties* properties,
                                 hwalloc_error** error) noexcept {
    if (!allocator || !properties)
        return refuse_null(allocator ? no_place : no_allocator, error);
    auto* describes = of(allocator)->extension<Describes>();
    if (!describes)
        return refuse(Error(ErrorKind::unsupported, "the allocator does not say what its memory is like"),
                      error);
    const Properties has = describes->properties();
    const Describes::Claims claims = describes->claims();
    const auto can = [](bool does, uint32_t bit) { return does ? bit : 0u; };
    return answer(
        c::write_struct(properties,
                        hwalloc_properties{
                            .struct_size = 0,
                            .contiguous = static_cast<uint32_t>(has.contiguous),
                            .cached = static_cast<uint32_t>(has.cached),
                            .device_local = static_cast<uint32_t>(has.device_local),
                            .sync = static_cast<uint32_t>(has.sync),
                            .granule = has.granule,
                            .max_size = has.max_size,
                            .cost = has.cost,
                            .can = can(claims.alloc, HWALLOC_CAN_ALLOC) | can(claims.map, HWALLOC_CAN_MAP) |
                                   can(claims.export_dmabuf, HWALLOC_CAN_EXPORT_DMABUF) |
                                   can(claims.export_memfd, HWALLOC_CAN_EXPORT_MEMFD) |
                                   can(claims.import_dmabuf, HWALLOC_CAN_IMPORT_DMABUF) |
                                   can(claims.image, HWALLOC_CAN_IMAGE),
                        }),
        error);
}
int hwalloc_allocator_available(hwalloc_allocator* allocator, hwalloc_error** error) noexcept {
    if (!allocator)
        return refuse_null(no_allocator, error);
    auto* describes = of(allocator)->extension<Describes>();
    return describes ? answer(describes->available(), error) : 0;
}

void hwalloc_close_idle_devices(void) noexcept {
    close_idle_devices();
}
int hwalloc_check_node(const char* path, hwalloc_error** error) noexcept {
    return answer(check_node(path), error);
}
int hwalloc_machine_memory(uint64_t* total, uint64_t* available, hwalloc_error** error) noexcept {
    const auto memory = machine_memory();
    if (!memory)
        return refuse(memory.error(), error);
    if (total)
        *total = memory->total;
    if (available)
        *available = memory->available;
    return 0;
}
int hwalloc_check_machine_has(uint64_t bytes, hwalloc_error** error) noexcept {
    return answer(check_machine_has(bytes), error);
}
