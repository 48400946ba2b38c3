#include "backends/drm/dumb_allocator.h"

#include <cstring>
#include <new>

#include "allocators/interface_of.h"
#include "allocators/page_geometry.h"
#include "common/addressable.h"
#include "common/cache_line_new.h"
#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/node_access.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc::drm::detail {
namespace {

// Begins CPU access by the dma-buf; where its exporter cannot be mapped, on a mapping made the card's own
// way, which the dma-buf keeps: the access is announced to the dma-buf in either case.
Result<std::uint8_t*> begin_access(DmaBuf& buffer, const File& file, const GemHandle& handle,
                                   MapFlags access) noexcept {
    auto bytes = buffer.begin_cpu_access(access);
    if (bytes || bytes.error().call() != "mmap")
        return bytes;
    auto region = map_dumb(file, handle, buffer.size());
    if (!region && region.error().kind() == ErrorKind::device_lost)
        return std::move(region).error().because(std::move(bytes).error());
    if (!region)
        return std::move(bytes).error().because(std::move(region).error());
    buffer.set_mapping(region->release());
    return buffer.begin_cpu_access(access);
}

// A dma-buf, and the handle it has on the card's open file.
class DumbBlock final : public DmaBufBlock, public HasGemHandle, public CacheLineNew {
public:
    DumbBlock(Allocator& allocator, const Geometry& geometry, DmaBufRef buffer, GemHandle handle,
              Origin origin) noexcept
        : DmaBufBlock(allocator, geometry, std::move(buffer)), handle_(std::move(handle)), origin_(origin) {}

    GemHandle gem_handle_on(const File& file) noexcept override {
        const auto& own = File::of(handle_);
        return &file == own.get() ? own->get(handle_) : GemHandle();
    }
    const File* maker() const noexcept override {
        return origin_ == Origin::made ? File::of(handle_).get() : nullptr;
    }

private:
    Result<std::uint8_t*> mem_map_full(Memory&, MapInfo& info, std::size_t) noexcept override {
        return begin_access(*dma_buf(), *File::of(handle_), handle_, info.flags);
    }
    void* do_extension(std::string_view id) noexcept override {
        void* own = interface_of<HasGemHandle>(this, id);
        return own ? own : DmaBufBlock::do_extension(id);
    }

    GemHandle handle_;
    Origin origin_;
};

// The memory of a card may still hold another process's bytes.
Result<void> clear(DmaBuf& buffer, const File& file, const GemHandle& handle) noexcept {
    auto bytes = begin_access(buffer, file, handle, MapFlags::write);
    if (!bytes)
        return std::move(bytes).error();
    std::memset(*bytes, 0, buffer.size());
    return buffer.end_cpu_access(MapFlags::write);
}

} // namespace

// ---- the open file

Result<std::shared_ptr<File>> FileSource::get() noexcept {
    std::shared_ptr<File> parents; // goes after the lock
    const std::lock_guard guard(mutex_);
    if (file_ && !fixed_ && !file_->of_this_process())
        parents.swap(file_);
    if (file_)
        return file_;
    auto file = File::open(node_, ErrorKind::device_lost);
    if (file)
        file_ = *file;
    return file;
}

Result<std::shared_ptr<File>> FileSource::borrow() noexcept {
    {
        const std::lock_guard guard(mutex_);
        if (file_ && (fixed_ || file_->of_this_process()))
            return file_;
    }
    return File::open(node_, ErrorKind::device_lost);
}

void FileSource::drop(const std::shared_ptr<File>& file) noexcept {
    std::shared_ptr<File> last; // goes after the lock
    const std::lock_guard guard(mutex_);
    if (!fixed_ && file_ == file)
        last.swap(file_);
}

bool FileSource::recheck() noexcept {
    std::shared_ptr<File> file;
    {
        const std::lock_guard guard(mutex_);
        file = file_;
    }
    if (!file || fixed_)
        return file != nullptr;
    const NodeNow now = node_now(node_.c_str(), file->fd.get());
    if (now == NodeNow::same || (now == NodeNow::unseen && !file->gone()))
        return true;
    drop(file);
    return false;
}

void FileSource::close() noexcept {
    std::shared_ptr<File> last; // goes after the lock
    const std::lock_guard guard(mutex_);
    if (!fixed_)
        last.swap(file_);
}

// ---- what it is

Properties DumbAllocator::properties() noexcept {
    // Drivers differ in where dumb buffers are and how the CPU sees them, and tell neither.
    return {.contiguous = Answer::unknown,
            .cached = Answer::unknown,
            .device_local = Answer::unknown,
            .sync = SyncQuality::fence_only,
            .granule = page_size(),
            .max_size = at_most_addressable(most_bytes),
            .cost = 50};
}

Describes::Claims DumbAllocator::claims() noexcept {
    return {.alloc = true, .map = true, .export_dmabuf = true, .import_dmabuf = true, .image = true};
}

// Nothing but making one tells: DRM_CAP_DUMB_BUFFER is refused by cards without screens that make them
// (vgem).
Result<void> DumbAllocator::available() noexcept {
    auto file = source_.borrow();
    if (!file)
        return std::move(file).error();
    auto dumb = create_bytes(*file, page_size());
    if (!dumb)
        return std::move(dumb).error();
    if (auto fd = export_dumb(**file, dumb->handle); !fd)
        return std::move(fd).error();
    return {};
}

void* DumbAllocator::do_extension(std::string_view id) noexcept {
    return interface_of<Describes, ImportsDmaBuf, AllocatesImages, KeepsDevice, OffersParticipant>(this, id);
}

Result<ParticipantRef> DumbAllocator::participant() noexcept {
    auto device = Device::open(source_.node());
    if (!device)
        return std::move(device).error();
    return drm::participant(*device, CardUse::import);
}

// ---- memory

Result<DmaBufRef> DumbAllocator::export_buffer(const std::shared_ptr<File>& file, const Dumb& dumb,
                                               std::size_t bytes) noexcept {
    auto fd = export_dumb(*file, dumb.handle);
    if (!fd)
        return std::move(fd).error();
    auto buffer = DmaBuf::adopt(std::move(*fd), bytes);
    if (!buffer)
        return std::move(buffer).error().on(file->node);
    if (leaves_old_bytes(*file))
        if (auto cleared = clear(**buffer, *file, dumb.handle); !cleared)
            return std::move(cleared).error().doing("clearing a dumb buffer").on(file->node);
    return buffer;
}

Result<Block*> DumbAllocator::make_block(GemHandle&& handle, const Geometry& geometry, DmaBufRef buffer,
                                         Origin origin) noexcept {
    auto* block = new (std::nothrow) DumbBlock(*this, geometry, std::move(buffer), std::move(handle), origin);
    if (!block)
        return Error(ErrorKind::exhausted, "no memory for a block");
    return block;
}

Result<Block*> DumbAllocator::do_alloc(std::size_t size, const AllocationParams& params) noexcept {
    auto geometry = page_geometry(size, params, source_.node());
    if (!geometry)
        return std::move(geometry).error();
    if (geometry->storage > most_bytes)
        return Error(ErrorKind::limit, "allocating")
            .on(source_.node())
            .wanted(geometry->storage)
            .held(most_bytes)
            .remedy("a dumb buffer is smaller than 4 GiB; use another allocator, such as dma-heap/system");
    return with_file(
        [&](const std::shared_ptr<File>& file) noexcept { return alloc_on(file, size, *geometry); });
}

Result<Block*> DumbAllocator::alloc_on(const std::shared_ptr<File>& file, std::size_t size,
                                       const Geometry& geometry) noexcept {
    auto dumb = create_bytes(file, geometry.storage);
    if (!dumb)
        return std::move(dumb).error();
    auto buffer = export_buffer(file, *dumb, geometry.storage);
    if (!buffer)
        return std::move(buffer).error();
    (*buffer)->set_name(FixedText("hwalloc:", size));
    return make_block(std::move(dumb->handle), geometry, std::move(*buffer), Origin::made);
}

} // namespace hwalloc::drm::detail
