// Allocators of ordinary memory whose hooks fail, or take their time: "faulty/alloc", "faulty/map",
// "faulty/unmap", "faulty/share", "faulty/copy", "faulty/slow". How many blocks live can be asked for by
// faulty_blocks().
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>
#include <string_view>
#include <thread>

#include "hwalloc/allocator.h"
#include "hwalloc/backend.h"
#include "hwalloc/block.h"

using namespace hwalloc;

namespace {

std::atomic<int> faulty_alive;

enum class Faulty { alloc, map, unmap, share, copy, slow };
constexpr const char* faulty_names[] = {"faulty/alloc", "faulty/map",  "faulty/unmap",
                                        "faulty/share", "faulty/copy", "faulty/slow"};

Error broken(const char* doing, int number) {
    return Error::from_errno(number, doing)
        .call("faulty")
        .remedy("use another allocator")
        .mend("hwalloc list");
}
void take_time() {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
}

class FaultyBlock final : public Block {
public:
    FaultyBlock(Allocator& allocator, const Geometry& geometry, Faulty fault, std::uint8_t* bytes) noexcept
        : Block(allocator, geometry), fault_(fault), bytes_(bytes) {
        ++faulty_alive;
    }

private:
    ~FaultyBlock() override {
        std::free(bytes_);
        --faulty_alive;
    }
    Result<std::uint8_t*> mem_map(Memory&, std::size_t, MapFlags) noexcept override {
        if (fault_ == Faulty::map)
            return broken("mapping", EIO);
        if (fault_ == Faulty::slow)
            take_time();
        return bytes_;
    }
    Result<void> mem_unmap(Memory&) noexcept override {
        if (fault_ == Faulty::unmap)
            return broken("ending an access", EIO);
        return {};
    }
    Result<void> mem_share(Memory&) noexcept override {
        if (fault_ == Faulty::share)
            return broken("sharing", EMFILE);
        return {};
    }
    Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                               Allocator* target) noexcept override {
        if (fault_ == Faulty::copy)
            return broken("copying", ENODEV);
        return default_copy(view, offset, size, target);
    }

    Faulty fault_;
    std::uint8_t* bytes_;
};

class FaultyAllocator final : public Allocator {
public:
    explicit FaultyAllocator(Faulty fault) noexcept : Allocator("faulty"), fault_(fault) {}

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        if (fault_ == Faulty::alloc)
            return broken("allocating", ENOSPC);
        if (fault_ == Faulty::slow)
            take_time();
        auto geometry = Geometry::of(size, params, 16);
        if (!geometry)
            return std::move(geometry).error();
        auto* bytes = static_cast<std::uint8_t*>(std::calloc(1, geometry->storage));
        auto* block = bytes ? new (std::nothrow) FaultyBlock(*this, *geometry, fault_, bytes) : nullptr;
        if (!block) {
            std::free(bytes);
            return Error(ErrorKind::exhausted, "no memory for a block");
        }
        return block;
    }

    Faulty fault_;
};

Result<void> discover_faulty(BackendHost& host) noexcept {
    for (const Faulty fault :
         {Faulty::alloc, Faulty::map, Faulty::unmap, Faulty::share, Faulty::copy, Faulty::slow}) {
        const char* name = faulty_names[static_cast<int>(fault)];
        if (host.still_here(name, {}))
            continue;
        auto* made = new (std::nothrow) FaultyAllocator(fault);
        if (!made)
            return Error(ErrorKind::exhausted, "no memory for an allocator");
        if (auto added = host.add(name, AllocatorRef::adopt(made), {}); !added)
            return added;
    }
    return {};
}

} // namespace

extern "C" __attribute__((visibility("default"))) int faulty_blocks() {
    return faulty_alive;
}

HWALLOC_BACKEND_MODULE("faulty", "faulty", nullptr, discover_faulty);
