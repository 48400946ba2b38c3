// "sysmem": ordinary process memory, the built-in default.
#include <cstdlib>
#include <new>

#include "common/checked.h"
#include "hwalloc/backend.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {
namespace {

// A block in one piece of memory from malloc, with its bytes behind it, or, wrapped, with the caller's bytes
// elsewhere.
class SysmemBlock final : public Block {
public:
    SysmemBlock(Allocator& allocator, const Geometry& geometry, std::uint8_t* base, void* raw) noexcept
        : Block(allocator, geometry, base), raw_(raw) {
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
        void* raw = raw_;
        const Notify notify = notify_;
        void* user_data = user_data_;
        this->~SysmemBlock();
        std::free(raw);
        if (notify)
            notify(user_data);
    }

private:
    ~SysmemBlock() override = default;

    void* raw_;
    void* user_data_ = nullptr;
    Notify notify_ = nullptr;
};

constexpr std::size_t block_mask = alignof(SysmemBlock) - 1; // malloc itself aligns to 16

void* place_block(void* raw) noexcept {
    return reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(raw) + block_mask) & ~block_mask);
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
        void* raw = std::malloc(sizeof(SysmemBlock) + block_mask);
        if (!raw)
            return Error(ErrorKind::exhausted, "no memory for wrapping memory");
        auto* block = new (place_block(raw)) SysmemBlock(*this, *geometry, data, raw, user_data, notify);
        return MemoryRef::adopt(&block->root());
    }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        auto geometry = Geometry::of(size, params, 0);
        if (!geometry)
            return std::move(geometry).error();
        const std::size_t mask = geometry->align;
        std::size_t total;
        if (!checked_add(geometry->maxsize, sizeof(SysmemBlock) + block_mask, total) ||
            !checked_add(total, mask > block_mask ? mask : 0, total))
            return Error(ErrorKind::limit, "the size does not fit");
        void* raw = std::malloc(total);
        if (!raw)
            return Error(ErrorKind::exhausted, "no memory");
        void* place = place_block(raw);
        const auto base = (reinterpret_cast<std::uintptr_t>(place) + sizeof(SysmemBlock) + mask) & ~mask;
        return new (place) SysmemBlock(*this, *geometry, reinterpret_cast<std::uint8_t*>(base), raw);
    }

    void do_free(Block* block) noexcept override { static_cast<SysmemBlock*>(block)->release(); }

    void* do_extension(std::string_view id) noexcept override {
        if (id == Describes::extension_id)
            return static_cast<Describes*>(this);
        if (id == WrapsHostMemory::extension_id)
            return static_cast<WrapsHostMemory*>(this);
        return nullptr;
    }
};

Result<void> discover(BackendHost& host) noexcept {
    if (host.has("sysmem"))
        return {};
    auto* sysmem = new (std::nothrow) Sysmem;
    if (!sysmem)
        return Error(ErrorKind::exhausted, "no memory for an allocator");
    return host.add("sysmem", AllocatorRef::adopt(sysmem), {"SystemMemory"});
}

} // namespace

extern const Backend backend_sysmem;
const Backend backend_sysmem{.name = "sysmem", .families = "sysmem", .discover = discover};

} // namespace hwalloc
