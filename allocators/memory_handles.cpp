// Handles on a Memory, and its end.
#include "allocators/lock_word.h"
#include "allocators/view_storage.h"
#include "hwalloc/allocator.h"
#include "hwalloc/block.h"
#include "hwalloc/memory.h"

namespace hwalloc {

Result<MemoryRef> Memory::ref() noexcept {
    using namespace lock_word;
    std::uint64_t seen;
    const auto one_more = [this](std::uint64_t word, std::uint64_t& wanted) {
        wanted = word + handles.one();
        return handles.of(word) + ref_maps.of(kinds_.load(std::memory_order_relaxed)) < handle_limit;
    };
    if (!exchange(word_, seen, std::memory_order_relaxed, one_more)) [[unlikely]]
        return Error(ErrorKind::limit, "the memory has as many handles as it can have");
    return MemoryRef::adopt(this);
}

unsigned Memory::ref_count() const noexcept {
    return static_cast<unsigned>(lock_word::handles.of(word_.load(std::memory_order_relaxed)) +
                                 lock_word::ref_maps.of(kinds_.load(std::memory_order_relaxed)));
}

void MemoryRef::release(Memory* memory) noexcept {
    // The only handle, and neither a share nor a map: nobody else can reach the object, so reading is enough.
    if (memory->word_.load(std::memory_order_acquire) == lock_word::handles.one()) [[likely]]
        memory->destroy();
    else
        memory->drop(lock_word::handles.one());
}

void Memory::drop(std::uint64_t amount) noexcept {
    if (word_.fetch_sub(amount, std::memory_order_acq_rel) == amount)
        destroy();
}

void Memory::destroy() noexcept {
    if (this == &block_->root_) [[likely]]
        destroy_root();
    else
        destroy_view();
}

[[gnu::noinline]] void Memory::destroy_view() noexcept {
    Memory& root = block_->root_;
    this->~Memory();
    ViewStorage::of(this).release();
    if (root.word_.fetch_sub(lock_word::shares.one(), std::memory_order_acq_rel) == lock_word::shares.one())
        [[unlikely]]
        root.destroy_root();
}

void Memory::destroy_root() noexcept {
    Block& block = *block_;
    Allocator& allocator = *block.allocator_;
    if (!allocator.immortal() || block.user_destroy_.load(std::memory_order_relaxed)) [[unlikely]]
        return destroy_root_with_others();
    allocator.do_free(&block);
}

[[gnu::noinline]] void Memory::destroy_root_with_others() noexcept {
    Block& block = *block_;
    Allocator& allocator = *block.allocator_;
    allocator.ref(); // the block lets go of its allocator before do_free is through
    block.destroy_user_data();
    allocator.do_free(&block);
    allocator.unref();
}

} // namespace hwalloc
