// "sysmem": ordinary process memory, the built-in default.
#include <cstdlib>
#include <new>

#include "allocators/geometry.h"
#include "allocators/interface_of.h"
#include "common/checked.h"
#include "common/thread_cache.h"
#include "hwalloc/backend.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {
namespace {

// A block in one piece of memory from malloc, with its bytes behind it, or, wrapped, with the caller's bytes
// elsewhere. A piece that a thread keeps has its block in it, retired.
class SysmemBlock final : public Block, public ThreadCache::Piece {
public:
    SysmemBlock(Allocator& allocator, const Geometry& geometry, void* from_malloc,
                ThreadCache::Shelf shelf) noexcept
        : Block(allocator, geometry, first_byte(this, geometry.align)), shelf_(shelf) {
        of_owner = nullptr;
        raw = from_malloc;
    }
    SysmemBlock(Allocator& allocator, const Geometry& geometry, void* data, void* from_malloc,
                void* user_data, Notify notify) noexcept
        : Block(allocator, geometry, static_cast<std::uint8_t*>(data)), notify_(notify) {
        of_owner = user_data;
        raw = from_malloc;
    }

    void renew(Allocator& allocator, const Geometry& geometry) noexcept {
        Block::renew(allocator, geometry, first_byte(this, geometry.align));
    }
    void zero_edges() noexcept { Block::zero_edges(first_byte(this, align())); }

    void release() noexcept {
        if (!ThreadCache::enabled || !shelf_.some() || !retire()) [[unlikely]]
            return release_to_malloc();
        ThreadCache::give(*this, shelf_);
    }

private:
    ~SysmemBlock() override = default;

    // Where the bytes of that block begin, which are aligned by that mask.
    static std::uint8_t* first_byte(SysmemBlock* block, std::size_t mask) noexcept {
        return reinterpret_cast<std::uint8_t*>((reinterpret_cast<std::uintptr_t>(block + 1) + mask) & ~mask);
    }
    [[gnu::noinline]] void release_to_malloc() noexcept {
        void* const piece = raw;
        const Notify notify = notify_;
        void* const user_data = notify ? of_owner : nullptr;
        this->~SysmemBlock();
        std::free(piece);
        if (notify)
            notify(user_data);
    }

    Notify notify_ = nullptr; // of wrapped memory, and then of_owner is its argument
    ThreadCache::Shelf shelf_ = ThreadCache::Shelf::none(); // on which it may be kept
};

constexpr std::size_t block_mask = alignof(SysmemBlock) - 1; // malloc itself aligns to 16
static_assert(alignof(SysmemBlock) == SizeClass::unit);
static_assert(sizeof(void*) != 8 || sizeof(SysmemBlock) == 128);

// What a block takes beside its bytes, when these are aligned by that mask.
constexpr std::size_t beside_bytes(std::size_t mask) noexcept {
    return sizeof(SysmemBlock) + (mask > block_mask ? mask : 0);
}
constexpr auto to_be_zeroed = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded;

// `bytes` for a block and what follows it, as malloc gives them, and where in them the block begins.
struct Storage {
    void* raw;
    void* place;

    static Storage of(std::size_t bytes) noexcept {
        void* raw = std::malloc(bytes + block_mask);
        return {raw,
                reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(raw) + block_mask) & ~block_mask)};
    }
};

class Sysmem final : public Allocator, public Describes, public WrapsHostMemory {
public:
    Sysmem() noexcept : Allocator("sysmem") {}

    Properties properties() noexcept override {
        return {.contiguous = Answer::no,
                .cached = Answer::yes,
                .device_local = Answer::no,
                .sync = SyncQuality::none,
                .granule = 1};
    }
    Claims claims() noexcept override { return {.alloc = true, .map = true}; }
    Result<void> available() noexcept override { return {}; }

    Result<MemoryRef> wrap(MemoryFlags flags, void* data, std::size_t maxsize, std::size_t offset,
                           std::size_t size, void* user_data, Notify notify) noexcept override {
        if (!data)
            return Error(ErrorKind::invalid, "there are no bytes to wrap");
        auto geometry = Geometry::window(maxsize, offset, size, flags);
        if (!geometry)
            return std::move(geometry).error();
        const Storage storage = Storage::of(sizeof(SysmemBlock));
        if (!storage.raw)
            return Error(ErrorKind::exhausted, "no memory for wrapping memory");
        auto* block = new (storage.place) SysmemBlock(*this, *geometry, data, storage.raw, user_data, notify);
        return MemoryRef::adopt(&block->root());
    }

private:
    // The case that programs repeat: a kept piece, and nothing to be filled with zero. It calls nothing, so
    // it needs no stack frame, and stores little.
    RawResult do_make(std::size_t size, const AllocationParams& params) noexcept override {
        const Geometry geometry = lay_out_bytes(size, params);
        const std::size_t bytes = geometry.maxsize + beside_bytes(geometry.align);
        if (geometry.maxsize > ThreadCache::largest || bytes > ThreadCache::largest ||
            has_any(geometry.flags, to_be_zeroed)) [[unlikely]]
            return Allocator::do_make(size, params);
        ThreadCache::Piece* const piece = ThreadCache::take(ThreadCache::Shelf::of(bytes));
        if (!piece) [[unlikely]]
            return Allocator::do_make(size, params);
        auto& block = static_cast<SysmemBlock&>(*piece);
        block.renew(*this, geometry);
        return root_of(block);
    }
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        const Geometry geometry = lay_out_bytes(size, params);
        std::size_t bytes;
        if (!checked_add(geometry.maxsize, beside_bytes(geometry.align), bytes) || bytes > ~block_mask)
            return Error(ErrorKind::limit, "the size does not fit");
        auto shelf = ThreadCache::Shelf::none();
        SysmemBlock* block = nullptr;
        if (ThreadCache::enabled && bytes <= ThreadCache::largest) {
            shelf = ThreadCache::Shelf::of(bytes);
            bytes = shelf.bytes;
            if (ThreadCache::Piece* piece = ThreadCache::take(shelf)) {
                block = static_cast<SysmemBlock*>(piece);
                block->renew(*this, geometry);
            } else {
                ThreadCache::missed();
            }
        }
        if (!block) {
            const Storage storage = Storage::of(bytes);
            if (!storage.raw)
                return Error(ErrorKind::exhausted, "allocating: malloc has no more").wanted(bytes);
            block = new (storage.place) SysmemBlock(*this, geometry, storage.raw, shelf);
        }
        if (has_any(geometry.flags, to_be_zeroed))
            block->zero_edges();
        return block;
    }

    void do_free(Block* block) noexcept override { static_cast<SysmemBlock*>(block)->release(); }

    void* do_extension(std::string_view id) noexcept override {
        return interface_of<Describes, WrapsHostMemory>(this, id);
    }
};

Result<void> discover(BackendHost& host) noexcept {
    if (host.still_here("sysmem", {"SystemMemory"}))
        return {};
    auto* sysmem = new (std::nothrow) Sysmem;
    if (!sysmem)
        return Error(ErrorKind::exhausted, "no memory for an allocator");
    return host.add("sysmem", AllocatorRef::adopt(sysmem), {"SystemMemory"});
}

} // namespace

extern const Backend backend_sysmem;
const Backend backend_sysmem{
    .name = "sysmem", .families = "sysmem", .subsystems = nullptr, .discover = discover};

} // namespace hwalloc
