// Maps and locks of a Memory.
#include "hwalloc/memory.h"

#include <cstddef>
#include <cstring>

#include "allocators/ending_maps.h"
#include "allocators/lock_word.h"
#include "hwalloc/allocator.h"
#include "hwalloc/block.h"

namespace hwalloc {
namespace {

using lock_word::AccessMode;
using lock_word::has_write;
using lock_word::mode_of;

constexpr auto below_custom_map_flags =
    static_cast<MapFlags>(static_cast<std::uint32_t>(MapFlags::custom_base) - 1);
constexpr auto unknown_map_flags = below_custom_map_flags & ~(MapFlags::readwrite | MapFlags::ref_memory);
constexpr auto unknown_lock_flags = ~(LockFlags::readwrite | LockFlags::exclusive);

[[gnu::cold]] Error no_access() noexcept {
    return {ErrorKind::invalid, "mapping needs READ, WRITE or both, and no other bits below the custom ones"};
}
[[gnu::cold]] Error not_mappable() noexcept {
    return {ErrorKind::unsupported, "the memory is flagged NOT_MAPPABLE"};
}
[[gnu::cold]] Error refused(std::uint64_t word, AccessMode mode, MemoryFlags flags) noexcept {
    if (has_write(mode) && has(flags, MemoryFlags::readonly))
        return Error(ErrorKind::conflict, "the memory is READONLY and cannot be mapped for writing")
            .remedy("a share always is: write to the memory that it was made of; an imported dma-buf is "
                    "where its "
                    "descriptor was opened read-only: its maker can give one with O_RDWR");
    if (has_write(mode) && lock_word::shares.of(word) >= 2)
        return {ErrorKind::conflict, "the memory has two or more shares and cannot be mapped for writing"};
    if (lock_word::allows(mode, word) && lock_word::field_of(mode).of(word) < lock_word::limit_of(mode))
        return {ErrorKind::limit, "the memory has as many handles as it can have"};
    if (lock_word::allows(mode, word)) // then it was the count
        return {ErrorKind::limit, "the memory is mapped as often as it can be in this mode"};
    return {ErrorKind::conflict, "the memory is mapped or locked for another kind of access"};
}

// The fields of the word by access mode, ready to use.
struct Counter {
    std::uint64_t one, mask;
    std::uint64_t slow; // with one of these bits set in the word, look closer before one is added
};
constexpr Counter counters[] = {
    {}, // AccessMode::none
    {lock_word::reads.one(), lock_word::reads.mask(), lock_word::read_slow},
    {lock_word::writes.one(), lock_word::writes.mask(), lock_word::write_slow},
    {lock_word::readwrites.one(), lock_word::readwrites.mask(), lock_word::readwrite_slow},
};
const Counter& counter_of(MapFlags flags) noexcept {
    return counters[static_cast<std::uint32_t>(mode_of(flags))];
}
// Every failed map leaves a cleared MapInfo behind.
[[gnu::cold]] Error refuse(MapInfo& info, Error error) noexcept {
    info = MapInfo{};
    return error;
}

[[gnu::cold]] Error not_so_mapped() noexcept {
    return {ErrorKind::invalid, "the memory is not mapped in the mode that the MapInfo says"};
}

// What the end of a map does to its MapInfo; size and maxsize stay. user_data is a hook's, and cleared where
// hooks are called.
void clear(MapInfo& info) noexcept {
    info.memory = nullptr;
    info.data = nullptr;
    info.flags = MapFlags::none;
}

// Adds one where nothing is in the way; false, having changed nothing, also when something may be.
[[gnu::always_inline]] inline bool add_plainly(std::atomic<std::uint64_t>& word,
                                               const Counter& counter) noexcept {
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    while ((seen & counter.slow) == 0) {
        if (word.compare_exchange_strong(seen, seen + counter.one, std::memory_order_acquire,
                                         std::memory_order_relaxed)) [[likely]]
            return true;
        lock_word::pause_briefly();
        seen = word.load(std::memory_order_relaxed);
    }
    return false;
}

enum class Taken : std::uint8_t {
    nothing, // it was not there
    one,
    last, // and nothing is left: the object is to be destroyed
};

// Takes one out. The first attempt is on the word as it is most often, which saves looking.
[[gnu::always_inline]] inline Taken take_plainly(std::atomic<std::uint64_t>& word,
                                                 const Counter& counter) noexcept {
    std::uint64_t seen = lock_word::handles.one() + counter.one;
    if (word.compare_exchange_strong(seen, lock_word::handles.one(), std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) [[likely]]
        return Taken::one;
    while ((seen & counter.mask) != 0) {
        if (word.compare_exchange_strong(seen, seen - counter.one, std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) [[likely]]
            return seen == counter.one ? Taken::last : Taken::one;
        lock_word::pause_briefly();
        seen = word.load(std::memory_order_relaxed);
    }
    return Taken::nothing;
}

// Takes a map of any kind out. A REF_MEMORY map turns into a handle first, which keeps the object alive until
// it is counted as a map no longer.
Taken take(std::atomic<std::uint64_t>& word, std::atomic<std::uint32_t>& kinds, MapFlags flags) noexcept {
    const Counter& counter = counter_of(flags);
    const std::uint64_t handle = has(flags, MapFlags::ref_memory) ? lock_word::handles.one() : 0;
    std::uint64_t seen;
    const auto one_less = [&](std::uint64_t before, std::uint64_t& wanted) {
        wanted = before - counter.one + handle;
        return (before & counter.mask) != 0;
    };
    if (!lock_word::exchange(word, seen, std::memory_order_acq_rel, one_less))
        return Taken::nothing;
    if (!handle)
        return seen == counter.one ? Taken::last : Taken::one;
    (void)lock_word::take_kind(kinds, lock_word::ref_maps);
    return word.fetch_sub(handle, std::memory_order_acq_rel) == handle ? Taken::last : Taken::one;
}

// For map_plainly and unmap_plainly, below.

// READ, WRITE or READWRITE and nothing else.
constexpr bool is_plain_access(MapFlags flags) noexcept {
    return static_cast<std::uint32_t>(flags) - 1 < static_cast<std::uint32_t>(MapFlags::readwrite);
}
// WRITE or READWRITE of READONLY memory. Both flags are the same bit.
constexpr bool writes_readonly(MapFlags flags, MemoryFlags memory) noexcept {
    return (static_cast<std::uint32_t>(flags) & static_cast<std::uint32_t>(memory) &
            static_cast<std::uint32_t>(MapFlags::write)) != 0;
}
static_assert(static_cast<std::uint32_t>(MapFlags::write) ==
              static_cast<std::uint32_t>(MemoryFlags::readonly));

// Two neighbours in a MapInfo, written by one store where there is one for both. (ARM stores any two
// registers at once and needs no help.)
#if defined(__x86_64__)
using TwoWords [[gnu::vector_size(2 * sizeof(std::uintptr_t))]] = std::uintptr_t;
#else
struct TwoWords {
    std::uintptr_t first, second;
};
#endif
static_assert(offsetof(MapInfo, data) == offsetof(MapInfo, memory) + sizeof(void*));
static_assert(offsetof(MapInfo, maxsize) == offsetof(MapInfo, size) + sizeof(std::size_t));
// Keeps the compiler from putting the words together only where they are stored.
TwoWords made_now(std::uintptr_t first, std::uintptr_t second) noexcept {
    TwoWords words{first, second};
#if defined(__x86_64__)
    asm("" : "+x"(words));
#endif
    return words;
}
void store(MapInfo& info, std::size_t offset, TwoWords words) noexcept {
    std::memcpy(reinterpret_cast<std::uint8_t*>(&info) + offset, &words, sizeof words);
}

} // namespace

// ---- maps
//
// map_plainly and unmap_plainly are the case that programs repeat: bytes that stay mapped, one plain access
// mode, no conflict in sight. They call nothing, so they need no stack frame, and answer in a register; what
// they cannot do is done by map_any_way and unmap_any_way, which know every case. Two atomic
// read-modify-writes are the price of a map that other threads can see, and such an instruction waits, on
// many processors, until every store before it has reached the cache. So there are few stores, they follow
// it, and what they store is ready before.

void Memory::describe(MapInfo& info, MapFlags flags) noexcept {
    info.memory = this;
    info.data = base_ ? base_ + offset_ : nullptr;
    info.size = size_;
    info.maxsize = maxsize_ - offset_;
    info.flags = flags;
}

bool Memory::map_plainly(MapInfo& info, MapFlags flags) noexcept {
    std::uint8_t* const base = base_;
    if (!base || has(flags_, MemoryFlags::not_mappable) || !is_plain_access(flags) ||
        writes_readonly(flags, flags_)) [[unlikely]]
        return false;
    const TwoWords here =
        made_now(reinterpret_cast<std::uintptr_t>(this), reinterpret_cast<std::uintptr_t>(base + offset_));
    const TwoWords sizes = made_now(size_, maxsize_ - offset_);
    if (!add_plainly(word_, counter_of(flags))) [[unlikely]]
        return false;
    store(info, offsetof(MapInfo, memory), here);
    store(info, offsetof(MapInfo, size), sizes);
    info.flags = flags;
    return true;
}

[[gnu::always_inline]] inline Result<void> Memory::map_by_hook(MapInfo& info, MapFlags flags) noexcept {
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
    if (take(word_, kinds_, flags) == Taken::last)
        destroy();
    return refuse(info, std::move(error));
}

Result<void> Memory::map_any_way(MapInfo& info, MapFlags flags) noexcept {
    const AccessMode mode = mode_of(flags);
    if (mode == AccessMode::none || has_any(flags, unknown_map_flags))
        return refuse(info, no_access());
    if (has(flags_, MemoryFlags::not_mappable))
        return refuse(info, not_mappable());

    if (has_write(mode) && has(flags_, MemoryFlags::readonly))
        return refuse(info, refused(0, mode, flags_));

    const bool named = has(flags, MapFlags::ref_memory);
    std::uint64_t seen;
    const auto one_more = [&](std::uint64_t word, std::uint64_t& wanted) {
        wanted = word + counter_of(flags).one;
        return lock_word::allows(mode, word) &&
               lock_word::field_of(mode).of(word) < lock_word::limit_of(mode) &&
               (!named ||
                lock_word::handles.of(word) + lock_word::ref_maps.of(kinds_.load(std::memory_order_relaxed)) <
                    lock_word::handle_limit);
    };
    if (!lock_word::exchange(word_, seen, std::memory_order_acquire, one_more))
        return refuse(info, refused(seen, mode, flags_));
    if (named) // ref_count() is one higher; the map itself keeps the object alive
        kinds_.fetch_add(lock_word::one_of(lock_word::ref_maps), std::memory_order_relaxed);
    describe(info, flags);
    return base_ ? Result<void>() : map_by_hook(info, flags);
}

bool Memory::unmap_plainly(MapInfo& info) noexcept {
    if (info.memory != this || !base_ || !is_plain_access(info.flags)) [[unlikely]]
        return false;
    const Taken taken = take_plainly(word_, counter_of(info.flags));
    if (taken == Taken::nothing) [[unlikely]]
        return false;
    clear(info);
    if (taken == Taken::last) [[unlikely]]
        destroy();
    return true;
}

Result<void> Memory::unmap_any_way(MapInfo& info) noexcept {
    if (info.memory != this)
        return Error(ErrorKind::invalid, "the MapInfo holds no map of this memory");
    Result<void> ended;
    Taken taken;
    if (base_) {
        taken = take(word_, kinds_, info.flags);
    } else {
        // The hook runs before the word lets go, so that no other access begins under it.
        EndingMap ending(*this, mode_of(info.flags));
        if (!ending.claim(word_))
            return not_so_mapped();
        ended = block_->mem_unmap_full(*this, info);
        for (void*& user : info.user_data)
            user = nullptr;
        const EndingMap::Lock lock(ending);
        taken = take(word_, kinds_, info.flags);
    }
    if (taken == Taken::nothing)
        return not_so_mapped();
    clear(info);
    if (taken == Taken::last)
        destroy();
    return ended;
}

// ---- locks

Result<void> Memory::lock(LockFlags flags) noexcept {
    using namespace lock_word;
    const AccessMode mode = mode_of(flags);
    const bool exclusive = has(flags, LockFlags::exclusive);
    if (flags == LockFlags::none || has_any(flags, unknown_lock_flags))
        return Error(ErrorKind::invalid, "locking needs READ, WRITE or EXCLUSIVE, and no other bits");
    if (has_write(mode) && has(flags_, MemoryFlags::readonly))
        return refused(0, mode, flags_);

    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    std::uint64_t wanted;
    do {
        wanted = seen + (exclusive ? shares.one() : 0);
        if (exclusive && shares.of(seen) == shares.max())
            return Error(ErrorKind::limit,
                         "the memory has as many shares and EXCLUSIVE locks as it can have");
        if (shares.of(wanted) >= 2 && (has_write(mode) || written(seen)))
            return Error(ErrorKind::conflict, "two shares or EXCLUSIVE locks and writing exclude each other");
        if (mode != AccessMode::none) {
            const Field field = field_of(mode);
            if (!allows(mode, wanted) || field.of(wanted) >= limit_of(mode))
                return refused(wanted, mode, flags_);
            wanted += field.one();
        }
    } while (
        !word_.compare_exchange_weak(seen, wanted, std::memory_order_acquire, std::memory_order_relaxed));
    if (exclusive)
        kinds_.fetch_add(one_of(exclusives), std::memory_order_relaxed);
    return {};
}

Result<void> Memory::unlock(LockFlags flags) noexcept {
    using namespace lock_word;
    const AccessMode mode = mode_of(flags);
    const bool exclusive = has(flags, LockFlags::exclusive);
    if (flags == LockFlags::none || has_any(flags, unknown_lock_flags))
        return Error(ErrorKind::invalid, "unlocking needs READ, WRITE or EXCLUSIVE, and no other bits");
    const bool access = mode != AccessMode::none;
    const std::uint64_t amount = (exclusive ? shares.one() : 0) + (access ? field_of(mode).one() : 0);
    const auto less = [&](std::uint64_t before, std::uint64_t& wanted) {
        wanted = before - amount;
        return !access || field_of(mode).of(before) != 0;
    };
    std::uint64_t seen;
    bool taken;
    if (exclusive) {
        // A share's own count is not an EXCLUSIVE lock's. The lock's is taken out first, since nothing may be
        // touched once the word has let go, and put back where no lock of the mode is held: no other unlock
        // looks meanwhile.
        const MemoryLock lock(*this);
        taken = take_kind(kinds_, exclusives);
        if (taken && !exchange(word_, seen, std::memory_order_acq_rel, less)) {
            kinds_.fetch_add(one_of(exclusives), std::memory_order_relaxed);
            taken = false;
        }
    } else {
        taken = exchange(word_, seen, std::memory_order_acq_rel, less);
    }
    if (!taken)
        return Error(ErrorKind::conflict, "the memory is not locked so");
    if (seen == amount)
        destroy();
    return {};
}

bool Memory::is_writable() const noexcept {
    return lock_word::shares.of(word_.load(std::memory_order_acquire)) < 2;
}

} // namespace hwalloc
