// Memory by descriptor, for C.
#include "bindings/c/answer.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/capabilities.h"

using namespace hwalloc;
using c::of;
using c::refuse;
using c::refuse_null;

namespace {

Result<FdKind> kind_of(uint32_t kind) noexcept {
    if (kind == HWALLOC_FD_DMABUF)
        return FdKind::dmabuf;
    if (kind == HWALLOC_FD_MEMFD)
        return FdKind::memfd;
    return Error(ErrorKind::invalid, "there is no such kind of descriptor");
}

} // namespace

int hwalloc_memory_borrow_fd(const hwalloc_memory* memory, uint32_t kind, hwalloc_borrowed_fd* lent,
                             hwalloc_error** error) noexcept {
    if (!memory || !lent)
        return refuse_null(memory ? "there is no place for the descriptor" : "there is no memory", error);
    const auto wanted = kind_of(kind);
    if (!wanted)
        return refuse(wanted.error(), error);
    const auto has = borrow_fd(*of(memory), *wanted);
    if (!has)
        return refuse(has.error(), error);
    return c::answer(c::write_struct(lent, hwalloc_borrowed_fd{.struct_size = 0,
                                                               .fd = has->fd,
                                                               .kind = kind,
                                                               .offset = has->offset,
                                                               .size = has->size,
                                                               .writable = has->writable,
                                                               .reserved = 0}),
                     error);
}
int hwalloc_memory_export_fd(const hwalloc_memory* memory, uint32_t kind, int* fd,
                             hwalloc_error** error) noexcept {
    if (!memory || !fd)
        return refuse_null(memory ? "there is no place for the descriptor" : "there is no memory", error);
    auto made = kind_of(kind).and_then([&](FdKind wanted) { return export_fd(*of(memory), wanted); });
    if (!made)
        return refuse(made.error(), error);
    *fd = made->release();
    return 0;
}
int hwalloc_import_dmabuf(hwalloc_allocator* allocator, int fd, size_t offset, size_t size, uint32_t flags,
                          hwalloc_memory** memory, hwalloc_error** error) noexcept {
    if (!memory)
        return refuse_null("there is no place for the memory", error);
    const auto wanted = static_cast<MemoryFlags>(flags);
    if (!allocator)
        return c::answer(import_dmabuf(fd, offset, size, wanted), memory, error);
    auto* imports = of(allocator)->extension<ImportsDmaBuf>();
    if (!imports)
        return refuse(Error(ErrorKind::unsupported, "importing a dma-buf")
                          .on(of(allocator)->name())
                          .remedy("this allocator imports none: the one called \"dmabuf\" imports any"),
                      error);
    return c::answer(imports->import_dmabuf(fd, offset, size, wanted), memory, error);
}
