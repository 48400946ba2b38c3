// The buffers of a driver that imports nothing: its own, mapped, out of which each frame is copied.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "common/mapped_region.h"

namespace hwalloc::v4l2::detail {

class MappedQueue {
public:
    // The next one of the queue. May throw std::bad_alloc.
    void add(MappedRegion region, std::size_t length) { buffers_.push_back({std::move(region), length}); }
    std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(buffers_.size()); }
    std::span<const std::uint8_t> bytes(std::uint32_t index) const noexcept {
        return {buffers_[index].region.base(), buffers_[index].length};
    }

    std::span<std::uint8_t> writable(std::uint32_t index) const noexcept { // an output's
        return {buffers_[index].region.base(), buffers_[index].length};
    }

    // Which of them the driver has.
    bool is_queued(std::uint32_t index) const noexcept { return buffers_[index].queued; }
    void set_queued(std::uint32_t index, bool queued) noexcept { buffers_[index].queued = queued; }
    void set_none_queued() noexcept {
        for (Buffer& buffer : buffers_)
            buffer.queued = false;
    }

private:
    struct Buffer {
        MappedRegion region;
        std::size_t length;
        bool queued = false;
    };
    std::vector<Buffer> buffers_;
};

} // namespace hwalloc::v4l2::detail
