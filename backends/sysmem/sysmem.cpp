// "sysmem": ordinary process memory, the built-in default.
#include <cstdlib>
#include <new>

#include "allocators/geometry.h"
#include "allocators/interface_of.h"
#include "backends/sysmem/thread_cache.h"
#include "common/checked.h"
#include "hwalloc/backend.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {
namespace {

using sysmem::ThreadCache;
using Piece = ThreadCache::Piece;

// A block in one piece of memory from malloc, with its bytes behind it, or, wrapped, with the caller's bytes
// elsewhere.
class SysmemBlock final : public Block {
public:
    SysmemBlock(Allocator& allocator, const Geometry& geometry, std::uint8_t* base, void* raw,
                SizeClass size) noexcept
        : Block(allocator, geometry, base), raw_(raw), size_(size) {
        if (has_any(geometry.flags, MemoryFlags::zero_prefixed | MemoryFlags::zero_padded))
            zero_edges(base);
    }
    SysmemBlock(Allocator& allocator, const Geometry& geometry, void* data, void* raw, void* user_data,
                Notify notify) noexcept
        : Block(allocator, geometry, static_cast<std::uint8_t*>(data))
        , raw_(raw)
        , user_data_(user_data)
        , notify_(notify) {}

    void release() noexcept {
        const Piece piece{raw_, this};
        const SizeClass size = size_;
        const Notify notify = notify_;
        void* user_data = user_data_;
        this->~SysmemBlock();
        if (size.some())
            ThreadCache::give(piece, size);
        else
            std::free(piece.raw);
        if (notify) [[unlikely]]
            notify(user_data);
    }

private:
    ~SysmemBlock() override = default;

    void* raw_;
    void* user_data_ = nullptr;
    Notify notify_ = nullptr;
    SizeClass size_ = SizeClass::none(); // as which the piece may be kept
};

constexpr std::size_t block_mask = alignof(SysmemBlock) - 1; // malloc itself aligns to 16
static_assert(alignof(SysmemBlock) == SizeClass::unit);

// `bytes` for a block and what follows it.
Piece from_malloc(std::size_t bytes) noexcept {
    void* raw = std::malloc(bytes + block_mask);
    return {raw, reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(raw) + block_mask) & ~block_mask)};
}

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
        const Piece piece = from_malloc(sizeof(SysmemBlock));
        if (!piece.raw)
            return Error(ErrorKind::exhausted, "no memory for wrapping memory");
        auto* block = new (piece.place) SysmemBlock(*this, *geometry, data, piece.raw, user_data, notify);
        return MemoryRef::adopt(&block->root());
    }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        Geometry geometry;
        std::size_t total;
        if (!lay_out(geometry, size, params, 0)) [[unlikely]]
            return Error(ErrorKind::limit, "the size does not fit");
        const std::size_t mask = geometry.align;
        if (!checked_add(geometry.maxsize, sizeof(SysmemBlock), total) ||
            !checked_add(total, mask > block_mask ? mask : 0, total) || total > ~block_mask) [[unlikely]]
            return Error(ErrorKind::limit, "the size does not fit");
        SizeClass kept_as = SizeClass::none();
        Piece piece{nullptr, nullptr};
        if (sysmem::cache_enabled && total <= ThreadCache::largest) {
            kept_as = SizeClass::of(total);
            total = kept_as.bytes();
            piece = ThreadCache::take(kept_as);
        }
        if (!piece.raw)
            piece = from_malloc(total);
        if (!piece.raw) [[unlikely]]
            return Error(ErrorKind::exhausted, "no memory");
        const auto base =
            (reinterpret_cast<std::uintptr_t>(piece.place) + sizeof(SysmemBlock) + mask) & ~mask;
        return new (piece.place)
            SysmemBlock(*this, geometry, reinterpret_cast<std::uint8_t*>(base), piece.raw, kept_as);
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
