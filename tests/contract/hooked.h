// Allocators that an application makes for itself, with any set of hooks overridden, each counted and able to
// fail.
#pragma once

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "hwalloc/allocator.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"

namespace hwalloc::contract {

enum Hook : unsigned {
    map,
    map_full,
    unmap,
    unmap_full,
    share,
    copy,
    is_span,
    do_alloc,
    do_free,
    hook_count
};
constexpr unsigned bit(Hook hook) {
    return 1u << hook;
}
constexpr unsigned block_hooks = bit(do_alloc) - 1; // those of Block
constexpr unsigned all_hooks = (1u << hook_count) - 1;

// What the hooks of one allocator did, and what they are to do. Outlives the allocator.
struct Script {
    std::array<std::atomic<int>, hook_count> calls{};
    std::atomic<unsigned> failing{0};      // set of bit(Hook)
    std::atomic<unsigned> empty{0};        // these succeed with nothing: null, or an empty MemoryRef
    std::atomic<int> allocs_left{1 << 30}; // do_alloc fails when none is left
    std::atomic<int> blocks{0};            // alive
    std::atomic<int> mapped{0};            // by hooks, and not unmapped
    std::atomic<int> destroyed{0};         // allocators
    std::atomic<MapFlags> last_flags{};
    std::atomic<std::size_t> last_maxsize{0};

    int count(Hook hook) const { return calls[hook].load(); }
    bool failed(Hook hook) {
        calls[hook].fetch_add(1);
        return (failing.load() & bit(hook)) != 0;
    }
    bool nothing(Hook hook) const { return (empty.load() & bit(hook)) != 0; }
    void forget_calls() {
        for (auto& call : calls)
            call.store(0);
    }
};

inline Error told_to_fail() {
    return {ErrorKind::device_lost, "the hook was told to fail"};
}

class HookedBlock : public Block {
public:
    HookedBlock(Allocator& allocator, const Geometry& geometry, Script& script)
        : Block(allocator, geometry)
        , script_(script)
        , storage_(new (std::align_val_t{geometry.align + 1}) std::uint8_t[geometry.storage + 1])
        , align_(geometry.align + 1) {
        script_.blocks.fetch_add(1);
        std::memset(storage_, 0xa5, geometry.storage);
        zero_edges(storage_);
    }
    ~HookedBlock() override {
        ::operator delete[](storage_, std::align_val_t{align_});
        script_.blocks.fetch_sub(1);
    }
    HookedBlock(const HookedBlock&) = delete;
    HookedBlock& operator=(const HookedBlock&) = delete;

protected:
    Result<std::uint8_t*> map_storage(Hook hook, MapFlags flags, std::size_t maxsize) {
        script_.last_flags = flags;
        script_.last_maxsize = maxsize;
        if (script_.failed(hook))
            return told_to_fail();
        if (script_.nothing(hook))
            return static_cast<std::uint8_t*>(nullptr);
        script_.mapped.fetch_add(1);
        return storage_;
    }
    Result<void> unmap_storage(Hook hook) {
        script_.mapped.fetch_sub(1);
        if (script_.failed(hook))
            return told_to_fail();
        return {};
    }

    Script& script_;
    std::uint8_t* storage_;
    std::size_t align_;
};

template<class Base>
struct WithMap : Base {
    using Base::Base;
    Result<std::uint8_t*> mem_map(Memory&, std::size_t maxsize, MapFlags flags) noexcept override {
        return this->map_storage(map, flags, maxsize);
    }
};
template<class Base>
struct WithMapFull : Base {
    using Base::Base;
    Result<std::uint8_t*> mem_map_full(Memory& view, MapInfo& info, std::size_t maxsize) noexcept override {
        if (info.memory != &view || info.size != view.size() || info.maxsize != maxsize - view.offset() ||
            info.data || info.user_data[0] || info.user_data[3])
            return Error(ErrorKind::invalid, "mem_map_full was given a wrong MapInfo");
        info.user_data[0] = info.user_data[3] = &view;
        return this->map_storage(map_full, info.flags, maxsize);
    }
};
template<class Base>
struct WithUnmap : Base {
    using Base::Base;
    Result<void> mem_unmap(Memory&) noexcept override { return this->unmap_storage(unmap); }
};
template<class Base>
struct WithUnmapFull : Base {
    using Base::Base;
    Result<void> mem_unmap_full(Memory& view, MapInfo& info) noexcept override {
        if (info.memory != &view || !info.data ||
            (info.user_data[0] != nullptr && info.user_data[0] != &view))
            return Error(ErrorKind::invalid, "mem_unmap_full was given a wrong MapInfo");
        return this->unmap_storage(unmap_full);
    }
};
template<class Base>
struct WithShare : Base {
    using Base::Base;
    Result<void> mem_share(Memory& view) noexcept override {
        if (this->script_.failed(share))
            return told_to_fail();
        this->set_flags(view, view.flags() | MemoryFlags::custom_base);
        return {};
    }
};
template<class Base>
struct WithCopy : Base {
    using Base::Base;
    Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                               Allocator* target) noexcept override {
        if (this->script_.failed(copy))
            return told_to_fail();
        if (this->script_.nothing(copy))
            return MemoryRef();
        auto made = (target ? *target : this->allocator()).alloc(size);
        if (!made)
            return std::move(made).error();
        if (auto mapping = (*made)->map(MapFlags::write); mapping && size)
            std::memcpy(mapping->data(), this->storage_ + view.offset() + offset, size);
        return std::move(*made);
    }
};
template<class Base>
struct WithIsSpan : Base {
    using Base::Base;
    bool mem_is_span(const Memory& a, const Memory&, std::size_t* offset) noexcept override {
        if (offset)
            *offset = a.offset() + 1000; // unmistakable
        return !this->script_.failed(is_span);
    }
};

template<class Base, template<class> class Hooks, bool On>
using AddIf = std::conditional_t<On, Hooks<Base>, Base>;
template<unsigned Set>
struct BlockWith {
    static constexpr bool on(Hook hook) { return (Set & bit(hook)) != 0; }
    using A = AddIf<HookedBlock, WithMap, on(map)>;
    using B = AddIf<A, WithMapFull, on(map_full)>;
    using C = AddIf<B, WithUnmap, on(unmap)>;
    using D = AddIf<C, WithUnmapFull, on(unmap_full)>;
    using E = AddIf<D, WithShare, on(share)>;
    using F = AddIf<E, WithCopy, on(copy)>;
    using type = AddIf<F, WithIsSpan, on(is_span)>;
    static HookedBlock* make(Allocator& allocator, const Geometry& geometry, Script& script) {
        return new type(allocator, geometry, script);
    }
};
using BlockMaker = HookedBlock* (*)(Allocator&, const Geometry&, Script&);
// The maker of the block with exactly these hooks overridden: one class for each of the 2^7 sets.
BlockMaker block_maker(unsigned hooks);

class PlainAllocator : public Allocator, public Describes {
public:
    PlainAllocator(Script& script, BlockMaker maker, std::size_t granule)
        : Allocator("contract-app"), script_(script), maker_(maker), granule_(granule) {}
    ~PlainAllocator() override { script_.destroyed.fetch_add(1); }

    Properties properties() noexcept override { return {.cached = Answer::yes, .granule = granule_}; }
    Claims claims() noexcept override { return {.alloc = true, .map = true}; }
    Result<void> available() noexcept override { return {}; }

protected:
    void* do_extension(std::string_view id) noexcept override {
        return id == Describes::extension_id ? static_cast<Describes*>(this) : nullptr;
    }
    Script& script_;
    BlockMaker maker_;
    std::size_t granule_;
};
template<class Base>
struct WithDoAlloc : Base {
    using Base::Base;
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        if (this->script_.failed(contract::do_alloc))
            return told_to_fail();
        if (this->script_.nothing(contract::do_alloc))
            return static_cast<Block*>(nullptr);
        if (this->script_.allocs_left.fetch_sub(1) <= 0)
            return Error(ErrorKind::exhausted, "the allocator was told to run out");
        auto geometry = Geometry::of(size, params, this->granule_);
        if (!geometry)
            return std::move(geometry).error();
        if (geometry->align > 0xffff)
            return Error(ErrorKind::unsupported, "no alignment above 64 KiB here");
        if (geometry->storage > (std::size_t{1} << 30))
            return Error(ErrorKind::exhausted, "no more than 1 GiB here").wanted(size);
        return static_cast<Block*>(this->maker_(*this, *geometry, this->script_));
    }
};
template<class Base>
struct WithDoFree : Base {
    using Base::Base;
    void do_free(Block* block) noexcept override {
        this->script_.failed(contract::do_free);
        this->destroy(block);
    }
};

// An allocator with exactly the hooks in `hooks`, counted: one owner, the caller. `script` outlives it.
AllocatorRef make_hooked(Script& script, unsigned hooks, std::size_t granule = 0);

// Allocators registered by this program before the tests are named, so that the whole suite runs over them
// too, and what their hooks did.
Script& registered_script();
void register_application_allocators();

} // namespace hwalloc::contract
