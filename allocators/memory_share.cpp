// Parts, copies and windows of a Memory.
#include <cstring>
#include <new>

#include "allocators/lock_word.h"
#include "allocators/view_storage.h"
#include "common/checked.h"
#include "hwalloc/allocator.h"
#include "hwalloc/block.h"

namespace hwalloc {
namespace {

// Resolves `whole` and checks that [offset, offset + size) lies in a window of `available` bytes.
bool within(std::size_t available, std::size_t offset, std::size_t& size) noexcept {
    if (offset > available)
        return false;
    if (size == whole)
        size = available - offset;
    return size <= available - offset;
}

Error outside_window() noexcept {
    return {ErrorKind::invalid, "the range lies outside the memory's window"};
}

[[gnu::cold]] Error not_shared(std::uint64_t word) noexcept {
    if (lock_word::written(word))
        return {ErrorKind::conflict, "the memory is mapped or locked for writing and cannot be shared"};
    return {ErrorKind::limit, "the memory has as many shares and EXCLUSIVE locks as it can have"};
}

} // namespace

Allocator& Memory::allocator() const noexcept {
    return *block_->allocator_;
}
const Memory* Memory::parent() const noexcept {
    return this == &block_->root_ ? nullptr : &block_->root_;
}
std::size_t Memory::align() const noexcept {
    return block_->align_;
}
bool Memory::is_type(std::string_view mem_type) const noexcept {
    return allocator().mem_type() == mem_type;
}

RawResult Memory::make_share(std::size_t offset, std::size_t size) noexcept {
    if (!within(size_, offset, size))
        return outside_window();
    Memory& root = block_->root_;
    if (has(root.flags_ | flags_, MemoryFlags::no_share))
        return Error(ErrorKind::unsupported, "the memory is flagged NO_SHARE");

    ViewStorage* const storage = ViewStorage::make();
    if (!storage) [[unlikely]]
        return Error(ErrorKind::exhausted, "no memory for a share");
    std::uint64_t seen;
    const auto one_more = [](std::uint64_t word, std::uint64_t& wanted) {
        wanted = word + lock_word::shares.one();
        return !lock_word::written(word) && lock_word::shares.of(word) != lock_word::shares.max();
    };
    if (!lock_word::exchange(root.word_, seen, std::memory_order_acquire, one_more)) [[unlikely]] {
        storage->release();
        return not_shared(seen);
    }
    const std::size_t begin = offset_ + offset;
    const std::size_t end = begin + size;
    MemoryFlags flags = root.flags_ | MemoryFlags::readonly;
    if (begin > root.offset_)
        flags &= ~MemoryFlags::zero_prefixed;
    if (end < root.offset_ + root.size_)
        flags &= ~MemoryFlags::zero_padded;
    Memory* view = new (storage->memory) Memory(*block_, root.base_, begin, size, maxsize_, flags);
    if (auto shared = view->block_->mem_share(*view); !shared) [[unlikely]] {
        MemoryRef::adopt(view).reset();
        return std::move(shared).error();
    }
    return RawResult(view);
}

Result<MemoryRef> Memory::copy(std::size_t offset, std::size_t size, Allocator* target) noexcept {
    if (!within(size_, offset, size))
        return outside_window();
    auto made = block_->mem_copy(*this, offset, size, target);
    if (made && !*made)
        return Error(ErrorKind::unsupported, "the backend gave no copy of the memory");
    return made;
}

bool Memory::is_span(const Memory& a, const Memory& b, std::size_t* offset) noexcept {
    if (a.block_ != b.block_ || !a.is_share() || !b.is_share())
        return false;
    std::size_t begin = 0;
    if (!a.block_->mem_is_span(a, b, &begin))
        return false;
    if (offset)
        *offset = begin;
    return true;
}

Result<void> Memory::resize(std::ptrdiff_t delta, std::size_t size) noexcept {
    if (!is_writable())
        return Error(ErrorKind::conflict, "the memory has two or more shares and cannot be resized");
    // -delta of the smallest value is its own absolute value in unsigned arithmetic.
    const std::size_t step =
        delta < 0 ? std::size_t{0} - static_cast<std::size_t>(delta) : static_cast<std::size_t>(delta);
    std::size_t begin;
    if (delta < 0 ? step > offset_ : !checked_add(offset_, step, begin))
        return Error(ErrorKind::invalid, "the new window lies outside the memory's region");
    return set_window(delta < 0 ? offset_ - step : begin, size);
}

Result<void> Memory::set_window(std::size_t offset, std::size_t size) noexcept {
    if (!is_writable())
        return Error(ErrorKind::conflict, "the memory has two or more shares and cannot be resized");
    std::size_t end;
    if (!checked_add(offset, size, end) || end > maxsize_)
        return Error(ErrorKind::invalid, "the new window lies outside the memory's region");
    if (offset > offset_)
        flags_ &= ~MemoryFlags::zero_prefixed;
    if (end < offset_ + size_)
        flags_ &= ~MemoryFlags::zero_padded;
    offset_ = offset;
    size_ = size;
    return {};
}

Result<MemoryRef> Block::default_copy(Memory& view, std::size_t offset, std::size_t size,
                                      Allocator* target) noexcept {
    // Without the memory's lock: a copy is allowed beside a writer, and sees the bytes as they are just then.
    struct Access {
        Block& block;
        Memory& view;
        MapInfo info{};
        ~Access() { (void)end(); }
        Result<void> end() noexcept { return info.data ? block.end_cpu_access(view, info) : Result<void>(); }
    } source{*this, view};
    if (auto begun = begin_cpu_access(view, source.info, MapFlags::read); !begun)
        return std::move(begun).error();
    // A window that shrank since the check would make this read past it.
    if (!within(source.info.size, offset, size))
        return outside_window();
    // What the memory's own allocator gave once it gives again; of another one that is not to be asked.
    Allocator& maker = target ? *target : *allocator_;
    AllocationParams params;
    if (&maker == allocator_ && view.align() > default_align)
        params.align = view.align();
    auto copy = maker.alloc(size, params);
    if (!copy && copy.error().kind() == ErrorKind::unsupported && !target)
        return std::move(copy).error().remedy(
            "this memory's own allocator makes none: name one for the copy, copy(offset, size, target)");
    if (!copy)
        return std::move(copy).error();
    auto destination = (*copy)->map(MapFlags::write);
    if (!destination)
        return std::move(destination).error();
    if (size)
        std::memcpy(destination->data(), source.info.data + offset, size);
    if (auto ended = destination->unmap(); !ended)
        return std::move(ended).error();
    if (auto ended = source.end(); !ended)
        return std::move(ended).error();
    return std::move(*copy);
}

Result<MappedMemory> make_mapped(MemoryRef memory, MapFlags flags) noexcept {
    if (!memory)
        return Error(ErrorKind::invalid, "there is no memory to map");
    auto mapping = memory->map(flags);
    if (!mapping) {
        if (mapping.error().kind() == ErrorKind::invalid) // a copy could not be mapped so either
            return std::move(mapping).error();
        auto copy = memory->copy();
        if (!copy)
            return std::move(copy).error();
        memory = std::move(*copy);
        mapping = memory->map(flags);
        if (!mapping)
            return std::move(mapping).error();
    }
    return MappedMemory{std::move(memory), std::move(*mapping)};
}

Result<MemoryRef> make_writable(MemoryRef memory) noexcept {
    if (!memory)
        return Error(ErrorKind::invalid, "there is no memory to make writable");
    if (memory->is_writable())
        return memory;
    return memory->copy();
}

} // namespace hwalloc
