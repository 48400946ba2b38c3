#include "hwalloc/dma_buf.h"

#include <fcntl.h>

#include <new>

#include "allocators/interface_of.h"
#include "common/cache_line_new.h"
#include "common/dma_buf.h"
#include "common/fork_safe_mutex.h"
#include "common/immortal.h"
#include "common/kernel.h"
#include "common/mapped_region.h"
#include "common/open_files.h"
#include "common/standard_streams.h"

namespace hwalloc {

struct DmaBuf::Facts : dma_buf::Facts {};

// Every DmaBuf of the process by inode number. Counts go to 0 under the lock alone, so whatever is in the
// table is alive.
struct DmaBuf::Table {
    static constexpr std::size_t buckets = 64;

    DmaBuf*& bucket(std::uint64_t inode) noexcept { return first[inode % buckets]; }
    DmaBuf* find(const DmaBuf& same) noexcept {
        DmaBuf* buffer = bucket(same.inode_);
        while (buffer && !buffer->is(same))
            buffer = buffer->next_;
        return buffer;
    }
    void insert(DmaBuf& buffer) noexcept {
        buffer.next_ = bucket(buffer.inode_);
        bucket(buffer.inode_) = &buffer;
    }
    void remove(DmaBuf& buffer) noexcept {
        DmaBuf** at = &bucket(buffer.inode_);
        while (*at != &buffer)
            at = &(*at)->next_;
        *at = buffer.next_;
    }

    // A thread that was waiting for a device, or for another thread's START, does not exist in the child of
    // fork. What access_ guards is whole wherever its holder waits.
    static void free_accesses_in_child() noexcept {
        for (DmaBuf* buffer : known->first)
            for (; buffer; buffer = buffer->next_) {
                if (buffer->access_.try_lock())
                    buffer->access_.unlock();
                else
                    ::new (&buffer->access_) std::mutex;
                buffer->starting_ = 0;
                ::new (&buffer->started_) std::condition_variable;
            }
    }

    ForkSafeMutex lock;
    DmaBuf* first[buckets] = {};
    static Immortal<Table> known;
    static InForkedChild in_child;
};
[[gnu::init_priority(101)]] Immortal<DmaBuf::Table> DmaBuf::Table::known;
InForkedChild DmaBuf::Table::in_child(free_accesses_in_child);

namespace {

constexpr unsigned bits_of(MapFlags access) noexcept {
    return static_cast<unsigned>(access & MapFlags::readwrite);
}
static_assert(bits_of(MapFlags::read) == dma_buf::read_access);
static_assert(bits_of(MapFlags::write) == dma_buf::write_access);

Error access_missing() noexcept {
    return {ErrorKind::invalid, "accessing a dma-buf needs READ, WRITE or both"};
}
[[gnu::cold]] Error not_begun(int error) noexcept {
    return Error::from_errno(error, "beginning CPU access to a dma-buf").call("DMA_BUF_IOCTL_SYNC(START)");
}

} // namespace

// ---- life

DmaBuf::DmaBuf(UniqueFd fd, const Facts& facts) noexcept
    : fd_(std::move(fd))
    , inode_(facts.inode)
    , size_(facts.size)
    , readable_(facts.readable)
    , writable_(facts.writable) {}

DmaBuf::~DmaBuf() {
    if (base_)
        kernel.munmap(base_, size_);
}

void DmaBuf::unref() noexcept {
    std::uint32_t seen = references_.load(std::memory_order_relaxed);
    while (seen > 1)
        if (references_.compare_exchange_weak(seen, seen - 1, std::memory_order_release,
                                              std::memory_order_relaxed))
            return;
    {
        std::lock_guard guard(Table::known->lock);
        if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1)
            return;
        Table::known->remove(*this);
    }
    delete this;
}

bool DmaBuf::is(const DmaBuf& other) const noexcept {
    return dma_buf::is_same_buffer({fd_.get(), inode_, size_}, {other.fd_.get(), other.inode_, other.size_});
}

Result<DmaBufRef> DmaBuf::enter(UniqueFd fd, const Facts& facts) noexcept {
    // Outside the lock: a new object is made, and one that is not needed is destroyed.
    auto* fresh = new (std::nothrow) DmaBuf(std::move(fd), facts);
    if (!fresh)
        return Error(ErrorKind::exhausted, "no memory for a dma-buf's object");
    DmaBuf* known;
    {
        std::lock_guard guard(Table::known->lock);
        known = Table::known->find(*fresh);
        if (known)
            known->ref();
        else
            Table::known->insert(*fresh);
    }
    if (!known)
        return DmaBufRef(fresh);
    delete fresh;
    return DmaBufRef(known);
}

Result<DmaBufRef> DmaBuf::adopt(UniqueFd fd, std::size_t size) noexcept {
    auto facts = dma_buf::examine_own(fd.get());
    if (!facts)
        return std::move(facts).error();
    if (facts->size < size)
        return Error(ErrorKind::incompatible, "the driver made a dma-buf that is smaller than asked for")
            .wanted(size)
            .held(facts->size);
    return enter(std::move(fd), Facts{*facts});
}

Result<DmaBufRef> DmaBuf::import(int fd) noexcept {
    const int copy = kernel.fcntl(fd, F_DUPFD_CLOEXEC, first_free_fd);
    if (copy < 0)
        return with_open_files_remedy(
            Error::from_errno(-copy, "importing a dma-buf's descriptor").call("fcntl(F_DUPFD_CLOEXEC)"),
            copy);
    UniqueFd own(copy);
    auto facts = dma_buf::examine(own.get());
    if (!facts)
        return std::move(facts).error();
    return enter(std::move(own), Facts{*facts});
}

bool DmaBuf::is_behind(int fd) const noexcept {
    const auto facts = dma_buf::examine(fd);
    return facts && facts->inode == inode_ && facts->size == size_;
}

void DmaBuf::set_name(std::string_view name) noexcept {
    dma_buf::set_name(fd_.get(), name);
}

// ---- CPU access

void DmaBuf::set_mapping(std::uint8_t* base) noexcept {
    {
        std::lock_guard guard(access_);
        if (!base_)
            base = std::exchange(base_, base);
    }
    if (base)
        kernel.munmap(base, size_);
}

Result<void> DmaBuf::map_once() noexcept {
    auto region = MappedRegion::of(fd_.get(), size_, writable_);
    if (!region)
        return std::move(region).error().doing("mapping a dma-buf");
    base_ = region->release();
    return {};
}

namespace {

// Starts READ where WRITE, `before`, has begun; 0 or a negative errno.
[[gnu::cold]] int join_writers(int fd, unsigned before, unsigned missing) noexcept {
    int done = dma_buf::end_cpu_access(fd, before);
    if (done < 0)
        return done;
    done = dma_buf::begin_cpu_access(fd, before | missing);
    // The writers go on, and their end will be told to the exporter in any case.
    if (done < 0)
        (void)dma_buf::begin_cpu_access(fd, before);
    return done;
}

} // namespace

// Starts `missing`; 0 or a negative errno, and then open_ is what it was. The lock is not held during the
// call, so that no access waits that needs none. One thread starts at a time, and nothing ends meanwhile.
int DmaBuf::start(std::unique_lock<std::mutex>& held, unsigned missing) noexcept {
    const unsigned before = open_;
    starting_ = missing;
    held.unlock();
    const bool joins = (missing & dma_buf::read_access) && (before & dma_buf::write_access);
    const int done =
        joins ? join_writers(fd_.get(), before, missing) : dma_buf::begin_cpu_access(fd_.get(), missing);
    held.lock();
    starting_ = 0;
    if (done >= 0)
        open_ |= missing;
    else if (readers_ == 0 && writers_ == 0 && open_ != 0) // the last reader left READ to the writer
        (void)dma_buf::end_cpu_access(fd_.get(), std::exchange(open_, 0u));
    started_.notify_all();
    return done;
}

// Begins one access and counts it; 0 or a negative errno.
[[gnu::always_inline]] inline int DmaBuf::bracket(std::unique_lock<std::mutex>& held,
                                                  unsigned access) noexcept {
    for (;;) {
        // While READ joins WRITE, WRITE too has ended for a moment.
        const bool joining = (starting_ & dma_buf::read_access) && (open_ & dma_buf::write_access);
        const unsigned missing = access & ~open_;
        if (missing == 0 && !joining) [[likely]]
            break;
        if (starting_ != 0) {
            started_.wait(held);
            continue;
        }
        if (const int done = start(held, missing); done < 0) [[unlikely]]
            return done;
        break;
    }
    readers_ += access & dma_buf::read_access ? 1 : 0;
    writers_ += access & dma_buf::write_access ? 1 : 0;
    return 0;
}

Result<std::uint8_t*> DmaBuf::begin_cpu_access(MapFlags access) noexcept {
    const unsigned bits = bits_of(access);
    if (bits == 0)
        return access_missing();
    if ((bits & dma_buf::write_access) && !writable_)
        return Error(ErrorKind::permission, "the dma-buf's descriptor is read-only and cannot be written");
    if (!readable_)
        return Error(ErrorKind::permission, "the dma-buf's descriptor is write-only and cannot be mapped");
    std::unique_lock held(access_);
    if (!base_)
        if (auto mapped = map_once(); !mapped)
            return std::move(mapped).error();
    if (const int done = bracket(held, bits); done < 0) [[unlikely]]
        return not_begun(-done);
    return base_;
}

Result<void> DmaBuf::begin_mapped_access(MapFlags access) noexcept {
    const unsigned bits = bits_of(access);
    if (bits == 0)
        return access_missing();
    std::unique_lock held(access_);
    if (const int done = bracket(held, bits); done < 0) [[unlikely]]
        return not_begun(-done);
    return {};
}

bool DmaBuf::has_cpu_access() noexcept {
    std::lock_guard guard(access_);
    return readers_ > 0 || writers_ > 0;
}

Result<void> DmaBuf::end_cpu_access(MapFlags access) noexcept {
    const unsigned bits = bits_of(access);
    if (bits == 0)
        return access_missing();
    std::unique_lock held(access_);
    const bool reads = (bits & dma_buf::read_access) != 0, writes = (bits & dma_buf::write_access) != 0;
    unsigned over;
    for (;;) {
        if ((reads && readers_ == 0) || (writes && writers_ == 0))
            return Error(ErrorKind::invalid, "no such access to the dma-buf has begun");
        const bool read_on = readers_ > (reads ? 1u : 0u);
        // While somebody writes, or is about to, nothing ends: some architectures drop what the cache holds
        // when READ ends.
        const bool write_on = writers_ > (writes ? 1u : 0u) || (starting_ & dma_buf::write_access);
        over = write_on ? 0u : open_ & ~(read_on ? dma_buf::read_access : 0u);
        if (over == 0 || starting_ == 0) [[likely]]
            break;
        started_.wait(held);
    }
    readers_ -= reads ? 1 : 0;
    writers_ -= writes ? 1 : 0;
    if (over == 0)
        return {};
    open_ &= ~over;
    if (const int done = dma_buf::end_cpu_access(fd_.get(), over); done < 0)
        return Error::from_errno(-done, "ending CPU access to a dma-buf").call("DMA_BUF_IOCTL_SYNC(END)");
    return {};
}

// ---- imports

Result<ImportedDmaBuf> take_import(int fd, std::size_t offset, std::size_t size, MemoryFlags flags) noexcept {
    if (!known_flags(flags))
        return Error(ErrorKind::invalid, "unknown memory flags");
    auto buffer = DmaBuf::import(fd);
    if (!buffer)
        return std::move(buffer).error();
    const std::size_t real = (*buffer)->size();
    if (size == whole)
        size = offset <= real ? real - offset : 0;
    auto geometry = Geometry::window(real, offset, size, flags);
    if (!geometry)
        return Error(ErrorKind::invalid, "the window lies outside the dma-buf").wanted(size).held(real);
    return ImportedDmaBuf{std::move(*buffer), *geometry};
}

// ---- the block

namespace {

Geometry with_mode(Geometry geometry, const DmaBuf& buffer) noexcept {
    if (!buffer.writable())
        geometry.flags |= MemoryFlags::readonly;
    if (!buffer.readable())
        geometry.flags |= MemoryFlags::not_mappable;
    return geometry;
}

class PlainBlock final : public DmaBufBlock, public CacheLineNew {
public:
    PlainBlock(Allocator& allocator, const Geometry& geometry, DmaBufRef buffer) noexcept
        : DmaBufBlock(allocator, geometry, std::move(buffer)) {}
};

} // namespace

DmaBufBlock::DmaBufBlock(Allocator& allocator, const Geometry& geometry, DmaBufRef buffer) noexcept
    : Block(allocator, with_mode(geometry, *buffer)), buffer_(std::move(buffer)) {}

DmaBufBlock::~DmaBufBlock() = default;

Result<Block*> DmaBufBlock::make(Allocator& allocator, const Geometry& geometry, DmaBufRef buffer) noexcept {
    if (buffer->size() < geometry.maxsize)
        return Error(ErrorKind::incompatible, "the dma-buf is smaller than the memory")
            .wanted(geometry.maxsize)
            .held(buffer->size());
    auto* block = new (std::nothrow) PlainBlock(allocator, geometry, std::move(buffer));
    if (!block)
        return Error(ErrorKind::exhausted, "no memory for a block");
    return block;
}

BorrowedFd DmaBufBlock::block_fd(FdKind kind) noexcept {
    const bool has_it = kind == FdKind::dmabuf;
    return {.kind = kind,
            .fd = has_it ? buffer_->fd() : -1,
            .offset = 0,
            .size = root().size(),
            .writable = buffer_->writable()};
}

Result<std::uint8_t*> DmaBufBlock::mem_map_full(Memory&, MapInfo& info, std::size_t) noexcept {
    return buffer_->begin_cpu_access(info.flags);
}
Result<void> DmaBufBlock::mem_unmap_full(Memory&, MapInfo& info) noexcept {
    return buffer_->end_cpu_access(info.flags);
}

void* DmaBufBlock::do_extension(std::string_view id) noexcept {
    return interface_of<HasFd, HasDmaBuf>(this, id);
}

} // namespace hwalloc
