// The contract as a small executable model: counts per object as plain integers, contents as vectors of
// bytes. It knows nothing of words, fields or compare-exchange, so that what it says is the documented rule
// and not the code.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "hwalloc/memory.h"

namespace hwalloc::contract {

// What an operation is expected to answer: nothing is "done".
using Verdict = std::optional<ErrorKind>;

struct ModelMemory;

// A root's storage: what stays the same in every view of it.
struct ModelStorage {
    std::vector<std::uint8_t> bytes; // the whole region
    std::vector<bool> known;         // which of them have been written: the others may hold anything
    ModelMemory* root = nullptr;
};

struct ModelMemory {
    std::shared_ptr<ModelStorage> storage;
    std::size_t offset = 0, size = 0, maxsize = 0;
    MemoryFlags flags = MemoryFlags::none;
    int handles = 1, shares = 0, exclusive = 0, reads = 0, writes = 0, readwrites = 0;

    bool is_root() const { return storage->root == this; }
    int holders() const { return shares + exclusive; }
    bool written() const { return writes || readwrites; }
    bool alive() const { return handles || holders() || reads || written(); }
    int& count_of(std::uint32_t mode) { return mode == 1 ? reads : mode == 2 ? writes : readwrites; }

    // May one more access of this mode be added, with `besides` more holders?
    Verdict access(std::uint32_t mode, int besides = 0) const {
        const bool writing = (mode & 2) != 0;
        if (writing && has(flags, MemoryFlags::readonly))
            return ErrorKind::conflict;
        if (holders() + besides >= 2 && (writing || written()))
            return ErrorKind::conflict;
        if (readwrites)
            return {};
        const bool allowed = mode == 1 ? writes == 0 : mode == 2 ? reads == 0 : reads == 0 && writes == 0;
        return allowed ? Verdict() : Verdict(ErrorKind::conflict);
    }

    Verdict map(std::uint32_t mode) const {
        if (mode == 0)
            return ErrorKind::invalid;
        if (has(flags, MemoryFlags::not_mappable))
            return ErrorKind::unsupported;
        return access(mode);
    }

    Verdict lock(std::uint32_t mode, bool exclusively) const {
        if (mode == 0 && !exclusively)
            return ErrorKind::invalid;
        if (mode)
            return access(mode, exclusively ? 1 : 0);
        return holders() >= 1 && written() ? Verdict(ErrorKind::conflict) : Verdict();
    }

    bool inside(std::size_t from, std::size_t length) const {
        return from <= size && (length == whole || length <= size - from);
    }

    Verdict share(std::size_t from, std::size_t length) const {
        if (!inside(from, length))
            return ErrorKind::invalid;
        if (has(storage->root->flags, MemoryFlags::no_share))
            return ErrorKind::unsupported;
        return storage->root->written() ? Verdict(ErrorKind::conflict) : Verdict();
    }

    // What the share looks like; the caller has asked share() first.
    ModelMemory shared(std::size_t from, std::size_t length) const {
        const ModelMemory& root = *storage->root;
        ModelMemory view;
        view.storage = storage;
        view.offset = offset + from;
        view.size = length == whole ? size - from : length;
        view.maxsize = maxsize;
        view.flags = root.flags | MemoryFlags::readonly;
        if (view.offset > root.offset)
            view.flags &= ~MemoryFlags::zero_prefixed;
        if (view.offset + view.size < root.offset + root.size)
            view.flags &= ~MemoryFlags::zero_padded;
        return view;
    }

    Verdict copy(std::size_t from, std::size_t length) const {
        if (!inside(from, length))
            return ErrorKind::invalid;
        // Takes no lock.
        return has(flags, MemoryFlags::not_mappable) ? Verdict(ErrorKind::unsupported) : Verdict();
    }

    Verdict resize(long long delta, std::size_t length) const {
        if (holders() >= 2)
            return ErrorKind::conflict;
        const long long begin = static_cast<long long>(offset) + delta;
        if (begin < 0 || length > maxsize || static_cast<std::size_t>(begin) > maxsize - length)
            return ErrorKind::invalid;
        return {};
    }
    void resized(long long delta, std::size_t length) {
        const auto begin = static_cast<std::size_t>(static_cast<long long>(offset) + delta);
        if (begin > offset)
            flags &= ~MemoryFlags::zero_prefixed;
        if (begin + length < offset + size)
            flags &= ~MemoryFlags::zero_padded;
        offset = begin;
        size = length;
    }
};

// One map that was made, as the model sees it: where it points, and whether it holds a handle.
struct ModelMap {
    ModelMemory* memory;
    std::uint32_t mode;
    bool holds_handle;
    std::size_t offset, size; // of the window when it was mapped
};

} // namespace hwalloc::contract
