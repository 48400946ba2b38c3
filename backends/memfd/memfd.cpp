// "memfd": process memory with a descriptor that other processes can map. Mapped once for life, so that a map
// costs nothing; sealed, so that nobody can take it away under a mapping.
#include <sys/stat.h>

#include <atomic>
#include <new>

#include "allocators/interface_of.h"
#include "allocators/page_geometry.h"
#include "allocators/recognizes_fd.h"
#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/mapped_region.h"
#include "common/sealed_memfd.h"
#include "hwalloc/backend.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {
namespace {

class MemfdBlock final : public Block, public HasFd, public RecognizesFd {
public:
    MemfdBlock(Allocator& allocator, const Geometry& geometry, UniqueFd fd, MappedRegion region) noexcept
        : Block(allocator, geometry, region.base()), fd_(std::move(fd)), region_(std::move(region)) {}

    BorrowedFd block_fd(FdKind kind) noexcept override {
        const bool has_it = kind == FdKind::memfd;
        if (has_it && !inode_.load(std::memory_order_relaxed))
            look_at_file();
        return {.kind = kind, .fd = has_it ? fd_.get() : -1, .offset = 0, .size = 0, .writable = has_it};
    }

    bool is_behind(int fd) noexcept override {
        struct stat status {};
        return kernel.fstat(fd, &status) == 0 && status.st_ino == inode_.load(std::memory_order_acquire) &&
               status.st_dev == device_.load(std::memory_order_relaxed);
    }

private:
    void look_at_file() noexcept {
        struct stat status {};
        if (kernel.fstat(fd_.get(), &status) < 0)
            return;
        device_.store(status.st_dev, std::memory_order_relaxed);
        inode_.store(status.st_ino, std::memory_order_release);
    }
    void* do_extension(std::string_view id) noexcept override {
        return interface_of<HasFd, RecognizesFd>(this, id);
    }

    UniqueFd fd_;
    MappedRegion region_;
    // The file, from when it is first lent on, so that an alloc() need not ask: before that nobody can have
    // closed its number by mistake. Several threads may find it at one time, and find the same. 0: not yet.
    std::atomic<ino_t> inode_{0};
    std::atomic<dev_t> device_{0};
};

class Memfd final : public Allocator, public Describes {
public:
    Memfd() noexcept : Allocator("memfd") {}

    Properties properties() noexcept override {
        return {.contiguous = Answer::no,
                .cached = Answer::yes,
                .device_local = Answer::no,
                .sync = SyncQuality::none,
                .granule = page_size()};
    }
    Claims claims() noexcept override { return {.alloc = true, .map = true, .export_memfd = true}; }
    Result<void> available() noexcept override { return {}; }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        auto geometry = page_geometry(size, params, "memfd");
        if (!geometry)
            return std::move(geometry).error();
        const auto failed = [&](Error&& error) {
            return std::move(error).doing(FixedText("allocating ", geometry->storage, " bytes")).on("memfd");
        };
        auto fd = make_sealed_memfd(FixedText("hwalloc:", size).c_str(), geometry->storage);
        if (!fd)
            return failed(std::move(fd).error());
        auto region = MappedRegion::of(fd->get(), geometry->storage, true);
        if (!region)
            return failed(std::move(region).error());
        auto* block = new (std::nothrow) MemfdBlock(*this, *geometry, std::move(*fd), std::move(*region));
        if (!block)
            return Error(ErrorKind::exhausted, "no memory for a block");
        return block;
    }

    void* do_extension(std::string_view id) noexcept override {
        return id == Describes::extension_id ? static_cast<Describes*>(this) : nullptr;
    }
};

Result<void> discover(BackendHost& host) noexcept {
    if (host.still_here("memfd", {}))
        return {};
    auto* memfd = new (std::nothrow) Memfd;
    if (!memfd)
        return Error(ErrorKind::exhausted, "no memory for an allocator");
    return host.add("memfd", AllocatorRef::adopt(memfd));
}

} // namespace

extern const Backend backend_memfd;
const Backend backend_memfd{
    .name = "memfd", .families = "memfd", .subsystems = nullptr, .discover = discover};

} // namespace hwalloc
