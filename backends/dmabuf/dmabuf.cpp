// "dmabuf": memory on dma-bufs from elsewhere. Makes none itself.
#include <new>

#include "allocators/interface_of.h"
#include "hwalloc/backend.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc {
namespace {

class DmaBufImporter final : public Allocator, public Describes, public ImportsDmaBuf {
public:
    DmaBufImporter() noexcept : Allocator("dmabuf") {}

    // Everything is up to whoever made the buffer, so everything but the granule is unknown.
    Properties properties() noexcept override { return {}; }
    Claims claims() noexcept override { return {.map = true, .export_dmabuf = true, .import_dmabuf = true}; }
    Result<void> available() noexcept override { return {}; }

    Result<MemoryRef> import_dmabuf(int fd, std::size_t offset, std::size_t size,
                                    MemoryFlags flags) noexcept override {
        auto taken = take_import(fd, offset, size, flags);
        if (!taken)
            return std::move(taken).error();
        auto block = DmaBufBlock::make(*this, taken->geometry, std::move(taken->buffer));
        if (!block)
            return std::move(block).error();
        return MemoryRef::adopt(&(*block)->root());
    }

private:
    void* do_extension(std::string_view id) noexcept override {
        return interface_of<Describes, ImportsDmaBuf>(this, id);
    }
};

Result<void> discover(BackendHost& host) noexcept {
    if (host.still_here("dmabuf", {}))
        return {};
    auto* importer = new (std::nothrow) DmaBufImporter;
    if (!importer)
        return Error(ErrorKind::exhausted, "no memory for an allocator");
    return host.add("dmabuf", AllocatorRef::adopt(importer));
}

} // namespace

extern const Backend backend_dmabuf;
const Backend backend_dmabuf{
    .name = "dmabuf", .families = "dmabuf", .subsystems = nullptr, .discover = discover};

} // namespace hwalloc
