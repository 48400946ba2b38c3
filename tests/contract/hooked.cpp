#include "hooked.h"

#include <cstdlib>

namespace hwalloc::contract {
namespace {

template<unsigned... Sets>
constexpr std::array<BlockMaker, sizeof...(Sets)> all_makers(std::integer_sequence<unsigned, Sets...>) {
    return {BlockWith<Sets>::make...};
}
constexpr auto makers = all_makers(std::make_integer_sequence<unsigned, block_hooks + 1>{});

template<bool Alloc, bool Free>
using AllocatorWith = AddIf<AddIf<PlainAllocator, WithDoAlloc, Alloc>, WithDoFree, Free>;

} // namespace

BlockMaker block_maker(unsigned hooks) {
    return makers[hooks & block_hooks];
}

AllocatorRef make_hooked(Script& script, unsigned hooks, std::size_t granule) {
    const BlockMaker maker = block_maker(hooks);
    const bool allocates = hooks & bit(do_alloc), frees = hooks & bit(do_free);
    Allocator* made = nullptr;
    if (allocates && frees)
        made = new AllocatorWith<true, true>(script, maker, granule);
    else if (allocates)
        made = new AllocatorWith<true, false>(script, maker, granule);
    else if (frees)
        made = new AllocatorWith<false, true>(script, maker, granule);
    else
        made = new AllocatorWith<false, false>(script, maker, granule);
    return AllocatorRef::adopt(made);
}

Script& registered_script() {
    static auto* script = new Script; // outlives the registry's allocators, which are never destroyed
    return *script;
}

void register_application_allocators() {
    const unsigned makes = bit(do_alloc) | bit(do_free);
    const auto add = [](const char* name, AllocatorRef allocator) {
        if (!Allocator::register_allocator(name, std::move(allocator)))
            std::abort();
    };
    add("contract-app/plain", make_hooked(registered_script(), makes | bit(map) | bit(unmap), 0));
    add("contract-app/full", make_hooked(registered_script(), makes | bit(map_full) | bit(unmap_full), 256));
}

} // namespace hwalloc::contract
