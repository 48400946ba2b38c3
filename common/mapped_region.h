// A mapping with one owner.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/kernel.h"
#include "hwalloc/result.h"

namespace hwalloc {

// Owns one shared mapping and unmaps it; move only.
class MappedRegion {
public:
    MappedRegion() noexcept = default;
    MappedRegion(MappedRegion&& other) noexcept
        : base_(std::exchange(other.base_, nullptr)), length_(other.length_) {}
    MappedRegion& operator=(MappedRegion&& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(length_, other.length_);
        return *this;
    }
    ~MappedRegion() {
        if (base_)
            kernel.munmap(base_, length_);
    }

    // Maps [offset, offset + length) of `fd` with MAP_SHARED. The mapping outlives the descriptor.
    static Result<MappedRegion> of(int fd, std::size_t length, bool writable, off_t offset = 0) noexcept {
        MappedRegion region;
        void* base = nullptr;
        const int mapped =
            kernel.mmap(length, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, offset, &base);
        if (mapped < 0)
            return Error::from_errno(-mapped, "mapping memory").call("mmap").wanted(length);
        if (!base)
            return Error(ErrorKind::unsupported, "the kernel mapped memory at no address").call("mmap");
        region.base_ = static_cast<std::uint8_t*>(base);
        region.length_ = length;
        return region;
    }

    std::uint8_t* base() const noexcept { return base_; }
    // Gives the mapping up; the caller unmaps it.
    [[nodiscard]] std::uint8_t* release() noexcept { return std::exchange(base_, nullptr); }
    explicit operator bool() const noexcept { return base_ != nullptr; }

private:
    std::uint8_t* base_ = nullptr;
    std::size_t length_ = 0;
};

} // namespace hwalloc
