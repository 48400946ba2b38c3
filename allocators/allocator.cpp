#include "hwalloc/allocator.h"

#include "allocators/registry/registry.h"
#include "allocators/registry/registry_words.h"
#include "common/checked.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {

Allocator::~Allocator() = default;

Result<Block*> Allocator::do_alloc(std::size_t, const AllocationParams&) noexcept {
    return Error(ErrorKind::unsupported, "this allocator takes memory from elsewhere and cannot make any");
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

RawResult detail::make_by_default(std::size_t size, const AllocationParams& params) noexcept {
    Allocator* allocator = Registry::instance().default_allocator();
    if (!allocator) [[unlikely]]
        return registry_words::no_memory();
    return allocator->make(size, params);
}

Result<MemoryRef> new_wrapped(MemoryFlags flags, void* data, std::size_t maxsize, std::size_t offset,
                              std::size_t size, void* user_data, Notify notify) noexcept {
    Allocator* allocator = Registry::instance().built_in_default();
    auto* wraps = allocator ? allocator->extension<WrapsHostMemory>() : nullptr;
    if (!wraps)
        return Error(ErrorKind::unsupported, "the built-in default allocator cannot wrap memory");
    return wraps->wrap(flags, data, maxsize, offset, size, user_data, notify);
}

} // namespace hwalloc
