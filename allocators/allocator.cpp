#include "hwalloc/allocator.h"

#include "common/checked.h"
#include "hwalloc/block.h"

namespace hwalloc {

Allocator::~Allocator() = default;

Result<Block*> Allocator::do_alloc(std::size_t, const AllocationParams&) noexcept {
    return Error(ErrorKind::unsupported,
                 "this allocator makes no memory, it only takes what was made elsewhere")
        .remedy("allocate from another; one of your own makes memory when it overrides do_alloc()");
}
void Allocator::do_free(Block* block) noexcept {
    destroy(block);
}
void* Allocator::do_extension(std::string_view) noexcept {
    return nullptr;
}
void Allocator::destroy(Block* block) noexcept {
    delete block;
}

RawResult Allocator::make(std::size_t size, const AllocationParams& params) noexcept {
    std::size_t want;
    if (!is_align_mask(params.align)) [[unlikely]]
        return Error(ErrorKind::invalid, "align is not a mask (a power of two less one)");
    if (!known_flags(params.flags)) [[unlikely]]
        return Error(ErrorKind::invalid, "unknown memory flags");
    if (!checked_add(params.prefix, size, want) || !checked_add(want, params.padding, want) ||
        !checked_add(want, params.align | default_align, want)) [[unlikely]]
        return Error(ErrorKind::limit, "prefix + size + padding + alignment does not fit");
    return do_make(size, params);
}

RawResult Allocator::do_make(std::size_t size, const AllocationParams& params) noexcept {
    auto block = do_alloc(size, params);
    if (!block) [[unlikely]]
        return std::move(block).error();
    if (!*block) [[unlikely]]
        return Error(ErrorKind::unsupported, "the backend gave no memory");
    return RawResult(&(*block)->root_);
}

Result<void> Allocator::free(MemoryRef&& memory) noexcept {
    if (!memory)
        return Error(ErrorKind::invalid, "there is no memory to free");
    if (&memory->allocator() != this)
        return Error(ErrorKind::invalid, "the memory belongs to another allocator");
    memory.reset();
    return {};
}

} // namespace hwalloc
