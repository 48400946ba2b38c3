// Life time, locks and maps of a Memory: everything that touches its word.
#include "hwalloc/memory.h"

#include <cstdlib>
#include <new>

#include "allocators/lock_word.h"
#include "hwalloc/allocator.h"
#include "hwalloc/block.h"

namespace hwalloc {
namespace {

constexpr auto mode_bits = static_cast<std::uint32_t>(MapFlags::readwrite);
constexpr auto ref_bit = static_cast<std::uint32_t>(MapFlags::ref_memory);
constexpr auto unknown_map_bits =
    (static_cast<std::uint32_t>(MapFlags::custom_base) - 1) & ~(mode_bits | ref_bit);
constexpr auto exclusive_bit = static_cast<std::uint32_t>(LockFlags::exclusive);

[[gnu::cold]] Error no_access() noexcept {
    return {ErrorKind::invalid, "mapping needs READ, WRITE or both, and no other bits below the custom ones"};
}
[[gnu::cold]] Error not_mappable() noexcept {
    return {ErrorKind::unsupported, "the memory is flagged NOT_MAPPABLE"};
}
[[gnu::cold]] Error refused(std::uint64_t word, std::uint32_t mode, MemoryFlags flags) noexcept {
    if (mode != 1 && has(flags, MemoryFlags::readonly))
        return {ErrorKind::conflict, "the memory is READONLY and cannot be mapped for writing"};
    if (mode != 1 && lock_word::shares.of(word) >= 2)
        return {ErrorKind::conflict, "the memory has two or more shares and cannot be mapped for writing"};
    const bool allowed = mode == 1   ? lock_word::allows_read(word)
                         : mode == 2 ? lock_word::allows_write(word)
                                     : lock_word::allows_readwrite(word);
    if (allowed) // then it was the count
        return {ErrorKind::limit, "the memory is mapped as often as it can be in this mode"};
    return {ErrorKind::conflict, "the memory is mapped or locked for another kind of access"};
}

// Every failed map leaves a cleared MapInfo behind.
[[gnu::cold]] Error refuse(MapInfo& info, Error error) noexcept {
    info = MapInfo{};
    return error;
}

// Adds a READ: one fetch_add, taken back when it may not be.
bool take_read(std::atomic<std::uint64_t>& word, std::uint64_t& seen) noexcept {
    using namespace lock_word;
    seen = word.fetch_add(reads.one(), std::memory_order_acquire);
    if ((seen & read_slow) == 0) [[likely]]
        return true;
    if (reads.of(seen) < read_limit && allows_read(seen))
        return true;
    word.fetch_sub(reads.one(), std::memory_order_relaxed);
    return false;
}

// Adds a WRITE or READWRITE by compare-exchange.
bool take_write(std::atomic<std::uint64_t>& word, std::uint32_t mode, std::uint64_t& seen) noexcept {
    using namespace lock_word;
    const Field field = mode == 2 ? writes : readwrites;
    seen = word.load(std::memory_order_relaxed);
    do {
        if (!(mode == 2 ? allows_write(seen) : allows_readwrite(seen)) || field.of(seen) == field.max())
            return false;
    } while (!word.compare_exchange_weak(seen, seen + field.one(), std::memory_order_acquire,
                                         std::memory_order_relaxed));
    return true;
}

} // namespace

// ---- handles

Result<MemoryRef> Memory::ref() noexcept {
    using namespace lock_word;
    const std::uint64_t before = word_.fetch_add(handles.one(), std::memory_order_relaxed);
    if (handles.of(before) >= handle_limit) [[unlikely]] {
        word_.fetch_sub(handles.one(), std::memory_order_relaxed);
        return Error(ErrorKind::limit, "the memory has as many handles as it can have");
    }
    return MemoryRef::adopt(this);
}

unsigned Memory::ref_count() const noexcept {
    return static_cast<unsigned>(lock_word::handles.of(word_.load(std::memory_order_relaxed)));
}

void MemoryRef::release(Memory* memory) noexcept {
    // The only handle, and neither a share nor a map: nobody else can reach the object, so reading is enough.
    if (memory->word_.load(std::memory_order_acquire) == lock_word::handles.one())
        memory->destroy();
    else
        memory->drop(lock_word::handles.one());
}

void Memory::drop(std::uint64_t amount) noexcept {
    if (word_.fetch_sub(amount, std::memory_order_acq_rel) == amount)
        destroy();
}

void Memory::destroy() noexcept {
    Block& block = *block_;
    if (this == &block.root_) {
        Allocator& allocator = *block.allocator_;
        allocator.ref(); // the block lets go of its allocator before do_free is through
        allocator.do_free(&block);
        allocator.unref();
    } else {
        this->~Memory();
        std::free(this);
        block.root_.drop(lock_word::shares.one());
    }
}

// ---- maps

Result<void> Memory::map(MapInfo& info, MapFlags flags) noexcept {
    const auto bits = static_cast<std::uint32_t>(flags);
    const std::uint32_t mode = bits & mode_bits;
    if (mode == 0 || (bits & unknown_map_bits)) [[unlikely]]
        return refuse(info, no_access());
    if (has(flags_, MemoryFlags::not_mappable)) [[unlikely]]
        return refuse(info, not_mappable());

    std::uint64_t seen = 0;
    if (mode == 1) {
        if (!take_read(word_, seen)) [[unlikely]]
            return refuse(info, refused(seen, mode, flags_));
    } else {
        if (has(flags_, MemoryFlags::readonly) || !take_write(word_, mode, seen)) [[unlikely]]
            return refuse(info, refused(seen, mode, flags_));
    }
    if ((bits & ref_bit) != 0) [[unlikely]] {
        if (auto handle = ref(); !handle) {
            drop(lock_word::field_of(mode).one());
            return refuse(info, std::move(handle).error());
        } else {
            (void)handle->detach();
        }
    }
    info.size = size_;
    info.maxsize = maxsize_ - offset_;
    info.flags = flags;
    if (base_) [[likely]] {
        info.memory = this;
        info.data = base_ + offset_;
        return {};
    }
    return map_by_hook(info, flags);
}

Result<void> Memory::map_by_hook(MapInfo& info, MapFlags flags) noexcept {
    info.memory = this;
    info.data = nullptr;
    for (void*& user : info.user_data)
        user = nullptr;
    auto region = block_->mem_map_full(*this, info, maxsize_);
    if (region && *region) [[likely]] {
        info.memory = this;
        info.flags = flags;
        info.data = *region + offset_;
        return {};
    }
    Error error = region ? Error(ErrorKind::unsupported, "the backend gave no address for the memory")
                         : std::move(region).error();
    const auto bits = static_cast<std::uint32_t>(flags);
    drop(lock_word::field_of(bits & mode_bits).one() + ((bits & ref_bit) ? lock_word::handles.one() : 0));
    return refuse(info, std::move(error));
}

Result<void> Memory::unmap(MapInfo& info) noexcept {
    if (info.memory != this) [[unlikely]]
        return Error(ErrorKind::invalid, "the MapInfo holds no map of this memory");
    const auto bits = static_cast<std::uint32_t>(info.flags);
    const lock_word::Field field = lock_word::field_of(bits & mode_bits);
    Result<void> ended;
    if (!base_) [[unlikely]] {
        if (field.of(word_.load(std::memory_order_relaxed)) == 0)
            return Error(ErrorKind::invalid, "the memory is not mapped in the mode that the MapInfo says");
        ended = block_->mem_unmap_full(*this, info);
        for (void*& user : info.user_data)
            user = nullptr;
    }
    info.memory = nullptr;
    info.flags = MapFlags::none;
    info.data = nullptr;
    info.size = info.maxsize = 0;
    const std::uint64_t amount = field.one() + ((bits & ref_bit) ? lock_word::handles.one() : 0);
    const std::uint64_t before = word_.fetch_sub(amount, std::memory_order_acq_rel);
    if (before == amount) [[unlikely]] {
        destroy();
    } else if ((before & field.mask()) == 0) [[unlikely]] {
        word_.fetch_add(amount, std::memory_order_relaxed);
        return Error(ErrorKind::invalid, "the memory is not mapped in the mode that the MapInfo says");
    }
    return ended;
}

// ---- locks

Result<void> Memory::lock(LockFlags flags) noexcept {
    using namespace lock_word;
    const auto bits = static_cast<std::uint32_t>(flags);
    const std::uint32_t mode = bits & mode_bits;
    const bool exclusive = (bits & exclusive_bit) != 0;
    if (bits == 0 || (bits & ~(mode_bits | exclusive_bit)))
        return Error(ErrorKind::invalid, "locking needs READ, WRITE or EXCLUSIVE, and no other bits");
    if ((mode & 2) && has(flags_, MemoryFlags::readonly))
        return refused(0, mode, flags_);

    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    std::uint64_t wanted;
    do {
        wanted = seen + (exclusive ? shares.one() : 0);
        if (exclusive && shares.of(seen) == shares.max())
            return Error(ErrorKind::limit,
                         "the memory has as many shares and EXCLUSIVE locks as it can have");
        if (shares.of(wanted) >= 2 && ((mode & 2) || written(seen)))
            return Error(ErrorKind::conflict, "two shares or EXCLUSIVE locks and writing exclude each other");
        if (mode) {
            const bool allowed = mode == 1   ? allows_read(wanted)
                                 : mode == 2 ? allows_write(wanted)
                                             : allows_readwrite(wanted);
            const Field field = field_of(mode);
            const std::uint64_t most = mode == 1 ? read_limit : field.max();
            if (!allowed || field.of(wanted) >= most)
                return refused(wanted, mode, flags_);
            wanted += field.one();
        }
    } while (
        !word_.compare_exchange_weak(seen, wanted, std::memory_order_acquire, std::memory_order_relaxed));
    return {};
}

Result<void> Memory::unlock(LockFlags flags) noexcept {
    using namespace lock_word;
    const auto bits = static_cast<std::uint32_t>(flags);
    const std::uint32_t mode = bits & mode_bits;
    const bool exclusive = (bits & exclusive_bit) != 0;
    if (bits == 0 || (bits & ~(mode_bits | exclusive_bit)))
        return Error(ErrorKind::invalid, "unlocking needs READ, WRITE or EXCLUSIVE, and no other bits");
    const std::uint64_t amount = (exclusive ? shares.one() : 0) + (mode ? field_of(mode).one() : 0);
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    do {
        if ((exclusive && shares.of(seen) == 0) || (mode && field_of(mode).of(seen) == 0))
            return Error(ErrorKind::conflict, "the memory is not locked so");
    } while (!word_.compare_exchange_weak(seen, seen - amount, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    if (seen == amount)
        destroy();
    return {};
}

bool Memory::is_writable() const noexcept {
    return lock_word::shares.of(word_.load(std::memory_order_acquire)) < 2;
}

} // namespace hwalloc
