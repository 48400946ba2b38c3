#include "hwalloc/capabilities.h"

#include "hwalloc/allocator.h"

namespace hwalloc {

Result<MemoryRef> import_dmabuf(int fd, std::size_t offset, std::size_t size, MemoryFlags flags) noexcept {
    Allocator* allocator = Allocator::find("dmabuf");
    auto* imports = allocator ? allocator->extension<ImportsDmaBuf>() : nullptr;
    if (!imports)
        return Error(ErrorKind::unsupported, "this build of the library cannot import dma-bufs");
    return imports->import_dmabuf(fd, offset, size, flags);
}

} // namespace hwalloc
